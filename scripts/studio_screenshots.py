"""Make the pictures of docs/studio.md: the studio at each step of the demo song, on a wide screen and on a phone.

python scripts/studio_screenshots.py [--server URL]     without one a service is started, and stopped
"""

import argparse
import io
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.browser import Page, chromium, studio  # noqa: E402
from tests.support.serving import serving  # noqa: E402

OUTPUT = ROOT / "docs/studio"
MOST = 160_000  # bytes of a picture
COLOURS = (96, 64, 48, 32)  # of its palette: the first that keeps it so small
PATIENCE = 600.0  # seconds for what a worker makes
TOLD = "/about/.test(document.querySelector('#clip-time')?.textContent)"  # how long a clip takes


@contextmanager
def server(url: str | None) -> Iterator[str]:
    if url:
        yield url.rstrip("/")
        return
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "home") as service:
        yield service.url


def shoot(page: Page, name: str) -> None:
    page.page.wait_for_timeout(300)
    picture = Image.open(io.BytesIO(page.page.screenshot())).convert("RGB")
    path = OUTPUT / f"{name}.png"
    for colours in COLOURS:
        picture.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if (size := path.stat().st_size) < MOST:
            break
    print(f"{path.relative_to(ROOT)}: {size / 1000:.0f} kB{'' if size < MOST else ', too large'}", flush=True)


def wide(page: Page) -> None:
    shoot(page, "1-begin")
    page.take_demo_song()
    page.wait(TOLD, seconds=PATIENCE)
    shoot(page, "2-song")
    page.part("Curve")
    for label, value in (("Smoothing", "21"), ("Quiet parts", "1.6")):
        page.page.get_by_label(f"{label}, as a number").fill(value)
        page.page.keyboard.press("Tab")
    page.wait("performance.getEntriesByName('curve').length > 2")
    page.page.locator(".legend input").nth(1).check()
    shoot(page, "3-curve")
    page.part("Beats")
    page.page.get_by_role("button", name="Next hit").click()
    page.page.get_by_role("button", name="+10 ms").click()
    page.page.locator(".cursor-handle").press("Home")
    box = page.page.locator(".canvas").bounding_box()
    page.page.mouse.move(box["x"] + 0.17 * box["width"], box["y"] + 120)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 0.24 * box["width"], box["y"] + 120, steps=3)
    page.page.mouse.up()
    page.page.wait_for_timeout(600)  # an estimate of the old length goes first
    page.wait(TOLD, seconds=PATIENCE)
    shoot(page, "4-beats")
    page.part("Look")
    page.wait("document.querySelectorAll('.wall img').length > 5", seconds=PATIENCE)
    page.page.locator(".wall").scroll_into_view_if_needed()
    for seed in (0, 2, 5, 9, 4, 7, 11, 12):
        tile = page.page.locator(f".wall [data-seed='{seed}']")
        tile.click(button="left" if seed in (0, 2, 5, 9) else "right")
    page.page.mouse.move(300, 600)
    page.wait(
        "[...document.querySelectorAll('.picture.loading')].every(e => e.getBoundingClientRect().top > innerHeight)",
        seconds=PATIENCE,
    )
    shoot(page, "5-look")
    page.part("Motion")
    page.page.locator(".card", has_text="club").click()
    page.wait("[...document.querySelectorAll('.strip')].slice(0, 6).every(image => image.complete)")
    shoot(page, "6-motion")
    page.button("Edit the rows").click()
    page.page.get_by_label("Row 4: more").click()
    page.page.get_by_role("heading", name="Rows").evaluate("heading => heading.scrollIntoView()")
    shoot(page, "7-rows")
    page.page.mouse.wheel(0, -4000)
    page.button("Four stills").click()
    page.wait("document.querySelectorAll('.stills img').length === 4", seconds=PATIENCE)
    page.button("Make a clip").click()
    page.wait("document.querySelector('.preview video')?.readyState >= 2", seconds=PATIENCE)
    page.page.locator(".preview video").evaluate("video => video.pause()")
    page.part("Curve")
    page.wait(TOLD, seconds=PATIENCE)
    page.page.mouse.wheel(0, 150)
    shoot(page, "8-preview")
    page.part("Render")
    for label, value in (("Frames a second", "12"), ("Duration, as a number", "2"), ("Start, as a number", "2")):
        page.page.get_by_label(label, exact=True).fill(value)
        page.page.keyboard.press("Tab")
    page.wait("/about/.test(document.querySelector('.estimate').textContent)", seconds=PATIENCE)
    page.button("Render the video").click()
    page.page.get_by_role("link", name=re.compile("^Download the video")).wait_for(timeout=1000 * PATIENCE)
    page.wait("document.querySelector('.watch video').readyState > 1", seconds=PATIENCE)
    page.page.wait_for_timeout(1000)  # the browser's own wheel over the video
    shoot(page, "9-render")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", help="a service that runs (default: one is started)")
    options = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with server(options.server) as url, chromium() as browser:
        with studio(browser, url) as page:
            wide(page)
        with studio(browser, url, width=360, height=740) as page:
            page.take_demo_song()
            page.part("Beats")
            shoot(page, "10-phone")
        with studio(browser, url, dark=False) as page:
            page.take_demo_song()
            page.part("Curve")
            shoot(page, "11-light")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
