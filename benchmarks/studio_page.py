"""Figures of the studio in a real Chromium against a real service.

    python benchmarks/studio_page.py size                        bytes of the page, as they go over the line
    python benchmarks/studio_page.py curve [--song FILE]           from a slider's move to the drawn curve
    python benchmarks/studio_page.py stream                      from a render's first chunk to its first picture
    python benchmarks/studio_page.py hour                        longest tasks while an hour's song is zoomed and moved

Without --server a service is started in a temporary folder, and stopped.
"""

import argparse
import gzip
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.browser import BUILT, Page, chromium, studio  # noqa: E402
from tests.support.serving import serving  # noqa: E402

RATE = 22_050  # samples a second of the songs made here
LIMIT = 300_000  # bytes of the page


@contextmanager
def opened(url: str | None, seconds: float, song: Path | None = None) -> Iterator[tuple[Page, str, Path]]:
    """The studio with a song, or one of so many seconds made here."""
    with tempfile.TemporaryDirectory() as folder:
        if song is None:
            song = Path(folder) / "song.flac"
            make_song(song, seconds)
        if url:
            with chromium() as browser, studio(browser, url) as page:
                yield page, url, song
        else:
            home = Path(folder) / "home"
            with serving(home) as service, chromium() as browser, studio(browser, service.url) as page:
                yield page, service.url, song


def make_song(song: Path, seconds: float) -> None:
    """A tone whose loudness comes and goes, with clicks."""
    with soundfile.SoundFile(song, "w", RATE, 1) as file:
        for minute in range(int(np.ceil(seconds / 60))):
            times = np.arange(int(min(60, seconds - 60 * minute) * RATE)) / RATE
            tone = 0.2 * np.sin(2 * np.pi * 220 * times) * (0.5 + 0.5 * np.sin(times / 3))
            file.write(tone + 0.6 * np.sin(2 * np.pi * 60 * times) * np.exp(-(times % 0.5) / 0.05))


def take(page: Page, song: Path, seconds: float) -> float:
    """Upload it, wait for its analysis; seconds that took."""
    began = time.monotonic()
    page.page.get_by_label("Song file").set_input_files(song)
    page.page.get_by_text("Heard").wait_for(timeout=1000 * (120 + seconds))
    return time.monotonic() - began


def size() -> None:
    files = [path for path in BUILT.parent.rglob("*") if path.suffix in (".js", ".css", ".html", ".svg", ".webp")]
    packed = {path.relative_to(BUILT.parent): len(gzip.compress(path.read_bytes(), 9)) for path in files}
    for name, count in sorted(packed.items(), key=lambda each: -each[1]):
        print(f"{count / 1000:7.1f} kB  {name}")
    total = sum(packed.values())
    print(f"{total / 1000:7.1f} kB in all, gzipped ({LIMIT / 1000:.0f} allowed)")
    if total > LIMIT:
        raise SystemExit("the page is too large")


def curve(url: str | None, seconds: float, given: Path | None) -> None:
    seconds = soundfile.info(given).duration if given else seconds
    with opened(url, seconds, given) as (page, _, song):
        print(f"{seconds:.0f} s of song: there and heard after {take(page, song, seconds):.1f} s")
        # A worker measures its network once, so that the page can say how long a clip takes.
        page.wait("/about/.test(document.querySelector('#clip-time').textContent)", seconds=300)
        page.part("Curve")
        slider = page.page.get_by_label("Smoothing", exact=True)
        slider.focus()
        for _ in range(40):
            page.page.keyboard.press("ArrowRight")
            page.page.wait_for_timeout(150)
        took = page.page.evaluate("performance.getEntriesByName('curve').slice(2).map(each => each.duration)")
        print(
            f"slider to drawn curve: median {statistics.median(took):.0f} ms, p95 {np.percentile(took, 95):.0f} ms, "
            f"{len(took)} moves"
        )


def stream(url: str | None) -> None:
    with opened(url, 30) as (page, server, song):
        take(page, song, 30)
        page.part("Render")
        page.button("Render the video").click()
        page.page.get_by_role("region", name="The render that is watched").wait_for()
        render = httpx.get(f"{server}/v1/renders", timeout=30).json()["renders"][0]
        while "#EXTINF" not in httpx.get(server + render["links"]["stream"], timeout=60).text:
            time.sleep(0.05)
        ready = 1000 * time.time()
        page.wait("performance.getEntriesByName('first picture').length > 0", seconds=120)
        seen = page.page.evaluate(
            "performance.timeOrigin + performance.getEntriesByName('first picture')[0].startTime + "
            "performance.getEntriesByName('first picture')[0].duration"
        )
        print(f"first picture {max(0.0, seen - ready) / 1000:.2f} s after its chunk was in the playlist")
        httpx.delete(server + render["links"]["self"], timeout=30)


def hour(url: str | None) -> None:
    with opened(url, 3600) as (page, _, song):
        print(f"an hour of song: there and heard after {take(page, song, 3600):.0f} s")
        page.page.evaluate(
            "window.tasks = []; new PerformanceObserver(list => window.tasks.push(...list.getEntries()"
            ".map(each => each.duration))).observe({entryTypes: ['longtask']}); 0"
        )
        page.page.locator(".cursor-handle").focus()
        for key in [*("+",) * 10, *("PageDown",) * 60, *("-",) * 10, *("PageUp",) * 30]:
            page.page.keyboard.press(key)
            page.page.wait_for_timeout(40)
        tasks = page.page.evaluate("window.tasks")
        print(
            f"zoomed in and out, moved 90 times: {len(tasks)} tasks over 50 ms, longest {max(tasks, default=0):.0f} ms"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("size", "curve", "stream", "hour"))
    parser.add_argument("--server", help="a service that runs (default: one is started)")
    parser.add_argument("--seconds", type=float, default=240, help="length of the song for curve (default: 240)")
    parser.add_argument("--song", type=Path, help="song for curve (default: one made here)")
    options = parser.parse_args()
    if options.what == "size":
        size()
    elif options.what == "curve":
        curve(options.server, options.seconds, options.song)
    else:
        {"stream": stream, "hour": hour}[options.what](options.server)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
