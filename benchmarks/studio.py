"""The studio's API: how long a page waits for a song, a curve, peaks and pictures. Real HTTP on loopback.

    python benchmarks/studio.py                     a song of four minutes, made here, on a service of its own
    python benchmarks/studio.py --seconds 3600      of an hour
    python benchmarks/studio.py --pictures          stills, a clip and seeds too, by the network ink (minutes on a CPU)
    python benchmarks/studio.py --jobs              without a service: what computes, by itself
    python benchmarks/studio.py --people 20         so many people who move sliders at once, while a render runs

"job" is the time within the process that computes, "answer" until the client has all of it.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from akma_core.sandbox import song_jobs  # noqa: E402
from akma_core.settings import RenderSettings  # noqa: E402
from tests.support.serving import serving  # noqa: E402

RATE = 44_100
TURNS = 40  # of a slider
PRESETS = ("pulse", "club", "akma")


def make_song(path: Path, seconds: float) -> None:
    """A beat of 120 a minute over a chord that comes and goes, stereo, 16 bits."""
    rng = np.random.default_rng(1)
    with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16") as file:
        for second in range(int(seconds)):
            t = second + np.arange(RATE) / RATE
            chord = sum(np.sin(2 * np.pi * f * t) for f in (220, 277.2, 329.6)) * (0.08 + 0.07 * np.sin(t / 9))
            hit = rng.standard_normal(RATE) * np.exp(-((t * 2) % 1) * 20) * 0.3
            file.write(np.stack([chord + hit, chord - hit / 2], axis=1))


def jobs(song: Path, folder: Path) -> None:
    """Seconds of each job by itself, without HTTP."""

    def timed(name: str, job: Callable[..., Any], *arguments: Any, times: int = 1) -> bytes:
        spent, busy = [], []
        for _ in range(times):
            began, used = time.perf_counter(), time.process_time()
            data: bytes = job(*arguments)[1]
            spent.append(time.perf_counter() - began)
            busy.append(time.process_time() - used)
        core = f"{1000 * statistics.median(busy):9.1f} ms of a core"
        print(f"job     {name:32} {1000 * statistics.median(spent):9.1f} ms  {len(data):>11,} bytes  {core}")
        return data

    wish = RenderSettings.parse({}).model_dump_json(by_alias=True)
    timed("look (facts, peaks)", song_jobs.look, song, "song", 1e9)
    loud, found = folder / "loudness.npy", folder / "features.npz"
    loud.write_bytes(timed("loudness", song_jobs.song_loudness, song, "song", "30", "mean"))
    found.write_bytes(timed("features", song_jobs.song_features, song, "song", wish))
    for preset in PRESETS:
        wish = RenderSettings.parse({"preset": preset}).model_dump_json(by_alias=True)
        timed(f"curves of {preset}", song_jobs.analysis, found, "song", wish, str(loud), None, 16_384, times=15)


@contextmanager
def service(url: str | None) -> Iterator[str]:
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory() as home, serving(Path(home)) as served:
        yield served.url


def answers(client: httpx.Client, song: Path) -> str:
    """Seconds of each answer; the song's id."""

    def timed(name: str, ask: Callable[[int], httpx.Response], times: int = 1) -> httpx.Response:
        spent = []
        for turn in range(times):
            began = time.perf_counter()
            answer = ask(turn)
            answer.raise_for_status()
            spent.append(1000 * (time.perf_counter() - began))
        last = f"p95 {statistics.quantiles(spent, n=20)[-1]:7.1f} ms" if times > 1 else ""
        print(f"answer  {name:32} {statistics.median(spent):9.1f} ms  {len(answer.content):>11,} bytes  {last}")
        return answer

    def upload(_: int) -> httpx.Response:
        with song.open("rb") as file:
            return client.post("/v1/songs", files={"audio": (song.name, file)})

    song_id: str = timed("upload", upload).json()["id"]
    path = f"/v1/songs/{song_id}"
    timed("upload again", upload)
    timed("peaks", lambda _: client.get(f"{path}/peaks"), 5)
    timed("analysis, the first", lambda _: client.post(f"{path}/analysis", json={}))
    for preset in PRESETS:
        wish = {"preset": preset}
        slider: Callable[[int], httpx.Response] = lambda turn, wish=wish: client.post(  # type: ignore[misc]  # noqa: E731
            f"{path}/analysis", json={**wish, "compression": 0.5 + turn / 20}
        )
        timed(f"a slider, {preset}", slider, TURNS)
    return song_id


def pictures(client: httpx.Client, song_id: str) -> None:
    for name, sent in (
        ("stills", {"times": [1, 2, 3, 4]}),
        ("clip", {"start": 10, "duration": 2, "size": "128x128"}),
        ("clip", {"start": 10, "duration": 2, "size": "128x128", "settings": {"hits": [10.5]}}),
    ):
        began = time.perf_counter()
        answer = client.post(f"/v1/songs/{song_id}/{name}", json=sent)
        answer.raise_for_status()
        frames = answer.headers.get("AKMA-Frames", "4")
        print(f"answer  {name + ', ' + frames + ' pictures':32} {1000 * (time.perf_counter() - began):9.1f} ms")
    began = time.perf_counter()
    for seed in range(8):
        client.get(f"/v1/models/ink/seeds/{seed}.jpg").raise_for_status()
    print(f"answer  {'8 seeds, one by one':32} {1000 * (time.perf_counter() - began):9.1f} ms")


async def people(url: str, song_id: str, count: int, seconds: float = 10.0) -> None:
    """Each turns a slider five times a second, as a page does while it is dragged; a render of the song runs."""
    spent: list[float] = []
    codes: dict[int, int] = {}

    async def one(number: int) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            until = time.monotonic() + seconds
            turn = 0
            while time.monotonic() < until:
                turn += 1
                began = time.perf_counter()
                sent = {"compression": 0.5 + number / 100 + turn / 1000}
                answer = await client.post(f"/v1/songs/{song_id}/analysis", params={"curve": "curve"}, json=sent)
                spent.append(1000 * (time.perf_counter() - began))
                codes[answer.status_code] = codes.get(answer.status_code, 0) + 1
                await asyncio.sleep(max(0.0, 0.2 - (time.perf_counter() - began)))

    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        answer = await client.post("/v1/renders", json={"song": song_id, "settings": {}})
        render = answer.raise_for_status().json()["id"]
        while (told := (await client.get(f"/v1/renders/{render}")).json())["frames_done"] == 0:
            await asyncio.sleep(0.5)
        before = told["frames_done"]
        await asyncio.gather(*(one(number) for number in range(count)))
        told = (await client.get(f"/v1/renders/{render}")).json()
        await client.delete(f"/v1/renders/{render}")
    p95 = statistics.quantiles(spent, n=20)[-1]
    print(f"people  {count} at once: {statistics.median(spent):.1f} ms, p95 {p95:.1f} ms, answers {codes}")
    print(f"render  {told['status']}, {told['frames_done'] - before} frames meanwhile")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", help="a running service without keys (default: one of its own)")
    parser.add_argument("--seconds", type=float, default=240.0, help="of the song")
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--jobs", action="store_true")
    parser.add_argument("--people", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder, "song.wav")
        make_song(song, options.seconds)
        jobs(song, Path(folder))
        if options.jobs:
            return
        with service(options.server) as url, httpx.Client(base_url=url, timeout=900) as client:
            song_id = answers(client, song)
            if options.people:
                asyncio.run(people(url, song_id, options.people))
            if options.pictures:
                pictures(client, song_id)


if __name__ == "__main__":
    main()
