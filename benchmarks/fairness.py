"""Hostile neighbours of a running service: long songs of one key beside another's short one, and deaf listeners.

    python benchmarks/fairness.py neighbour --songs 20 --hours 5.9   seconds until another key's song is accepted
    python benchmarks/fairness.py listeners --count 1000             memory of the API, and health beside them

A service is started in a temporary folder, and stopped.
"""

import argparse
import asyncio
import json
import socket
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.load import percentiles, resident
from tests.support.serving import serving

KEYS = {"greedy": "greedy-secret-0123456", "other": "other-secret-01234567"}
RATE = 48_000


def write_silence(path: Path, hours: float) -> Path:
    """An Opus file of silence: a few MB, and every sample of it wants decoding."""
    minute = np.zeros(60 * RATE, np.float32)
    with soundfile.SoundFile(path, "w", RATE, 1, format="OGG", subtype="OPUS") as file:
        for _ in range(int(hours * 60)):
            file.write(minute)
    return path


async def neighbour(url: str, folder: Path, songs: int, hours: float) -> dict[str, Any]:
    """One key sends long songs; two seconds later another sends a short one."""
    long = write_silence(folder / "long.opus", hours)
    short = folder / "short.wav"
    soundfile.write(short, np.zeros(2 * RATE), RATE)

    async def send(client: httpx.AsyncClient, key: str, song: Path) -> tuple[int, float]:
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {KEYS[key]}"}
        files = {"audio": (song.name, song.read_bytes())}
        answer = await client.post(f"{url}/v1/renders", files=files, data={"size": "64x64"}, headers=headers)
        return answer.status_code, time.monotonic() - began

    limits = httpx.Limits(max_connections=songs + 4)
    async with httpx.AsyncClient(timeout=900, limits=limits) as client:
        greedy = [asyncio.create_task(send(client, "greedy", long)) for _ in range(songs)]
        await asyncio.sleep(2)
        status, seconds = await send(client, "other", short)
        for task in greedy:
            task.cancel()
        await asyncio.gather(*greedy, return_exceptions=True)
    return {"long_song_bytes": long.stat().st_size, "songs": songs, "status": status, "accepted_s": round(seconds, 2)}


def listeners(url: str, process: int, folder: Path, count: int) -> dict[str, Any]:
    """Open event streams of a render with many seeds, and never read them."""
    song = folder / "song.wav"
    soundfile.write(song, np.zeros(60 * RATE), RATE)
    headers = {"Authorization": f"Bearer {KEYS['greedy']}"}
    settings = {"seeds_top": list(range(4000)), "size": "64x64"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        files = {"audio": ("song.wav", song.read_bytes())}
        answer = client.post("/v1/renders", files=files, data={"settings": json.dumps(settings)})
        render_id = answer.raise_for_status().json()["id"]
        before = resident(process)
        host, port = url.removeprefix("http://").split(":")
        deaf, refused = [], 0
        for _ in range(count):
            connection = socket.create_connection((host, int(port)))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            request = f"GET /v1/renders/{render_id}/events HTTP/1.1\r\nHost: {host}\r\n"
            connection.sendall(f"{request}Authorization: {headers['Authorization']}\r\n\r\n".encode())
            deaf.append(connection)
        highest, waits = before, []
        until = time.monotonic() + 25
        while time.monotonic() < until:
            began = time.monotonic()
            client.get("/v1/health")
            waits.append(time.monotonic() - began)
            highest = max(highest, resident(process))
            time.sleep(0.25)
        for connection in deaf:
            connection.setblocking(False)
            with suppress(OSError):
                refused += b" 429 " in connection.recv(64)
            connection.close()
        client.delete(f"/v1/renders/{render_id}")
    told = {"listeners": count, "refused_429": refused, "before_mb": round(before), "highest_mb": round(highest)}
    return {**told, "health_ms": percentiles(waits)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["neighbour", "listeners"])
    parser.add_argument("--songs", type=int, default=20)
    parser.add_argument("--hours", type=float, default=5.9)
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    keys = ",".join(f"{name}:user:{secret}" for name, secret in KEYS.items())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder / "home", AKMA_API_KEYS=keys) as started:
            if options.what == "neighbour":
                found = asyncio.run(neighbour(started.url, folder, options.songs, options.hours))
            else:
                api = next(number for number, kind in started.processes().items() if kind == "api")
                found = listeners(started.url, api, folder, options.count)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
