"""Load on a running service: many clients at once, a huge upload, a slow one. Real HTTP against `--server`.

    python benchmarks/load.py clients --clients 200 --seconds 30   submit, poll and stream while a render runs
    python benchmarks/load.py upload --gigabytes 2 --pid PID       memory of the API's process (Linux)
    python benchmarks/load.py soak --minutes 10                    renders one after the other: memory, failures

Without --server a service is started in a temporary folder, and stopped.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httpx
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.serving import serving  # noqa: E402

BLOCK = 1 << 20  # bytes


@contextmanager
def service(url: str | None) -> Iterator[tuple[str, int | None]]:
    """Address of the service, and the process id of its API where it is ours."""
    if url:
        yield url, None
        return
    caps = {"AKMA_MAX_QUEUED_JOBS": "2000", "AKMA_MAX_JOBS_PER_KEY": "2000", "AKMA_MAX_QUEUED_SECONDS": "1e6"}
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "home", **caps) as started:
        yield started.url, next(number for number, kind in started.processes().items() if kind == "api")


def resident(process: int) -> float:
    """MB of a process and of its children, as they are now."""
    total = 0.0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            except OSError:
                continue
            if int(folder.name) == process or int(status["PPid"]) == process:
                total += int(status.get("VmRSS", "0 kB").split()[0]) / 1024
    return total


async def submitters(url: str, count: int, seconds: float, song: Path, ids: Connection) -> None:
    """Submit `count` renders at once, listen to every fourth; their ids, and then the answers, go through `ids`."""
    content, until = song.read_bytes(), time.monotonic() + seconds
    statuses: Counter[str] = Counter()
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=httpx.Limits(max_connections=None)) as http:

        async def one(number: int) -> None:
            duration = "0.1" if number else "14"  # the first one renders all the time
            answer = await http.post("/v1/renders", data={"duration": duration}, files={"audio": ("a.wav", content)})
            statuses[f"POST {answer.status_code}"] += 1
            if answer.status_code == 202:
                ids.send(answer.json()["id"])
                if number % 4 == 1:
                    await listen(answer.json()["id"])

        async def listen(render_id: str) -> None:
            async with http.stream("GET", f"/v1/renders/{render_id}/events") as answer:
                statuses[f"events {answer.status_code}"] += 1
                async for _ in answer.aiter_lines():
                    if time.monotonic() > until:
                        return

        await one(0)
        await asyncio.gather(*(one(number) for number in range(1, count + 1)))
    ids.send(dict(statuses))


def submit(url: str, count: int, seconds: float, song: Path, ids: Connection) -> None:
    """`submitters` as a process: what its uploads take would else be measured as the service's."""
    asyncio.run(submitters(url, count, seconds, song, ids))


async def clients(url: str, count: int, seconds: float, song: Path) -> dict[str, Any]:
    """`count` clients that submit, poll once a second and listen while a render runs; times of GET status, in ms."""
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=submit, args=(url, count, seconds, song, there))
    process.start()
    statuses: Counter[str] = Counter()
    early: list[float] = []  # while 200 songs are uploaded at once
    times: list[float] = []  # after that
    uploaded, ids = asyncio.Event(), 0
    until = time.monotonic() + seconds
    host, port = url.removeprefix("http://").split(":")

    async def poll(render_id: str) -> None:
        # By hand: with hundreds of connections httpx takes more time than the service.
        reader, writer = await asyncio.open_connection(host, int(port))
        while time.monotonic() < until:
            began = time.monotonic()
            writer.write(f"GET /v1/renders/{render_id} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
            (times if uploaded.is_set() else early).append(1000 * (time.monotonic() - began))
            statuses[f"GET {head.split()[1]}"] += 1
            await asyncio.sleep(random.uniform(0.5, 1.5))  # people do not knock all at the same moment
        writer.close()

    async with asyncio.TaskGroup() as group:
        while process.is_alive() or here.poll():
            await asyncio.sleep(0.01)
            if here.poll():
                if isinstance(told := here.recv(), dict):
                    statuses.update(told)
                    break
                group.create_task(poll(told))
                ids += 1
                if ids > count:
                    uploaded.set()
    process.join()
    return {
        "clients": count,
        "requests": dict(statuses),
        "5xx": sum(number for name, number in statuses.items() if " 5" in name),
        "status_ms_while_all_upload": percentiles(early),
        "status_ms": percentiles(times),
    }


def percentiles(times: list[float]) -> dict[str, float]:
    """In ms."""
    return {f"p{share}": round(float(np.percentile(times, share)), 1) for share in (50, 90, 99, 100)} if times else {}


def header(data_bytes: int, rate: int = 192_000, channels: int = 8) -> bytes:
    """Header of a WAV of 32-bit integers."""
    frame = 4 * channels
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * frame, frame, 32)
    return b"RIFF" + struct.pack("<I", 36 + data_bytes) + b"WAVEfmt " + struct.pack("<I", 16) + form + (
        b"data" + struct.pack("<I", data_bytes)
    )  # fmt: skip


async def upload(url: str, gigabytes: float, process: int | None) -> dict[str, Any]:
    """One upload of so many GB while another one drips; the memory that it costs, and what status requests take."""
    data = int(gigabytes * 1e9) // 32 * 32
    boundary = "akma-benchmark"
    begin = f'--{boundary}\r\nContent-Disposition: form-data; name="audio"; filename="long.wav"\r\n\r\n'.encode()
    fields = "".join(
        f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'
        for name, value in (("duration", "1"), ("fps", "1"))
    ).encode()
    end = fields + f"\r\n--{boundary}--\r\n".encode()
    noise = np.random.default_rng(1).integers(-(2**30), 2**30, BLOCK // 4, dtype=np.int32).tobytes()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}

    async def body(drip: bool) -> AsyncIterator[bytes]:
        yield begin + header(data)
        sent = 0
        while sent < data:
            piece = noise[: min(BLOCK, data - sent)]
            if drip:
                piece = piece[:1000]
                await asyncio.sleep(0.2)
            sent += len(piece)
            yield piece
        yield end

    length = str(len(begin) + 44 + data + len(end))
    async with httpx.AsyncClient(base_url=url, timeout=600) as http:
        slow = asyncio.create_task(
            http.post("/v1/renders", content=body(True), headers=headers | {"Content-Length": length})
        )
        before = resident(process) if process else 0.0
        peak, times = before, []
        began = time.monotonic()
        fast = asyncio.create_task(
            http.post("/v1/renders", content=body(False), headers=headers | {"Content-Length": length})
        )
        while not fast.done():
            asked = time.monotonic()
            (await http.get("/v1/health")).raise_for_status()
            times.append(1000 * (time.monotonic() - asked))
            peak = max(peak, resident(process)) if process else 0.0
            await asyncio.sleep(0.1)
        slow.cancel()
        answer = fast.result()
    return {
        "gigabytes": gigabytes,
        "status": answer.status_code,
        "seconds": round(time.monotonic() - began, 1),
        "memory_before_mb": round(before),
        "memory_grew_mb": round(peak - before),
        "health_ms_p99": round(float(np.percentile(times, 99)), 1),
    }


def soak(url: str, minutes: float, process: int | None, song: Path) -> dict[str, Any]:
    """Short renders one after the other: what becomes of memory and of them."""
    until = time.monotonic() + 60 * minutes
    ends: Counter[str] = Counter()
    memory = []
    with httpx.Client(base_url=url, timeout=60) as http:
        while time.monotonic() < until:
            files = {"audio": ("song.wav", song.read_bytes())}
            state = http.post("/v1/renders", data={"duration": "0.5", "fps": "10"}, files=files).json()
            while state["status"] in ("queued", "running"):
                time.sleep(0.1)
                state = http.get(f"/v1/renders/{state['id']}").json()
            ends[state["status"]] += 1
            memory.append(resident(process) if process else 0.0)
    half = len(memory) // 2
    return {"renders": dict(ends), "api_mb_first_half": round(np.mean(memory[:half])) if half else None,
            "api_mb_second_half": round(np.mean(memory[half:]))}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("clients", "upload", "soak"))
    parser.add_argument("--server", help="address of a service (default: one is started)")
    parser.add_argument("--pid", type=int, help="process id of its API (default: of the one that is started)")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--gigabytes", type=float, default=2)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, service(options.server) as (url, process):
        song = Path(folder) / "song.wav"
        subprocess.run([sys.executable, ROOT / "scripts/make_song.py", song], check=True, stdout=subprocess.DEVNULL)
        process = options.pid or process
        if options.what == "clients":
            found = asyncio.run(clients(url, options.clients, options.seconds, song))
        elif options.what == "upload":
            found = asyncio.run(upload(url, options.gigabytes, process))
        else:
            found = soak(url, options.minutes, process, song)
        print(json.dumps({"cores": os.cpu_count(), **found}, indent=1))


if __name__ == "__main__":
    main()
