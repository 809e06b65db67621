"""Event streams whose readers do not read: what they cost the API of a service of its own, while a render runs.

    python benchmarks/listeners.py [--count 1000] [--seconds 30]

Of five keys, since a key may have 250 streams open. Prints the API's memory before and at most, and how long a request
for health takes: without listeners, while all of them open at once, and after that. The sockets that receive are small,
so that what is not read piles up in the service. The clients and the render take their part of the cores too.
"""

import argparse
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.load import percentiles, resident  # noqa: E402
from tests.support.serving import Service, serving  # noqa: E402

KEYS = 5


def secret(number: int) -> str:
    return f"secret-of-a-benchmark-{number}"


def listen(url: str, render_id: str, number: int) -> socket.socket:
    """A connection that has asked for the events of a render, and will not read them."""
    parts = urlsplit(url)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.connect((parts.hostname, parts.port))
    lines = (
        f"GET /v1/renders/{render_id}/events HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Authorization: Bearer {secret(number % KEYS)}",
    )
    client.sendall("\r\n".join((*lines, "", "")).encode())
    return client


def open_all(url: str, render_id: str, count: int) -> list[socket.socket]:
    """So many listeners; returns when each has been answered. None of them has read its answer."""
    clients = [listen(url, render_id, number) for number in range(count)]
    silent = select.poll()
    for client in clients:
        silent.register(client, select.POLLIN)
    waiting = count
    while waiting:
        for descriptor, _ in silent.poll():
            silent.unregister(descriptor)
            waiting -= 1
    return clients


class Health:
    """Asks for health ten times a second: how long each answer took, and the most memory of the API meanwhile."""

    def __init__(self, http: httpx.Client, process: int) -> None:
        self._http, self._process = http, process
        self.megabytes = 0.0

    def ask(self, goes_on: Callable[[], bool]) -> dict[str, float]:
        """Percentiles of the answers' times, in ms, as long as `goes_on`."""
        times = []
        while goes_on():
            began = time.monotonic()
            answer = self._http.get("/v1/health")
            assert answer.status_code == 200, answer.text
            times.append(1000 * (time.monotonic() - began))
            self.megabytes = max(self.megabytes, resident(self._process))
            time.sleep(0.1)
        return {"requests": len(times), **percentiles(times)}

    def ask_for(self, seconds: float) -> dict[str, float]:
        until = time.monotonic() + seconds
        return self.ask(lambda: time.monotonic() < until)


def measure(service: Service, process: int, count: int, seconds: float, song: Path) -> dict[str, object]:
    """Figures without listeners, while `count` deaf ones open, and for `seconds` after that."""
    headers = {"Authorization": f"Bearer {secret(0)}"}
    render_id = service.submit(song, headers=headers)
    with (
        httpx.Client(base_url=service.url, headers=headers, timeout=30) as http,
        ThreadPoolExecutor(1) as pool,
    ):
        while http.get(f"/v1/renders/{render_id}").json()["frames_done"] == 0:
            time.sleep(0.1)
        health, before = Health(http, process), resident(process)
        alone, began = health.ask_for(seconds / 2), time.monotonic()
        opening = pool.submit(open_all, service.url, render_id, count)
        while_opening = health.ask(lambda: not opening.done())
        opened = time.monotonic() - began
        steady = health.ask_for(seconds)
        text = http.get("/metrics").text
        state = http.delete(f"/v1/renders/{render_id}").json()
    (open_now,) = (line.split()[1] for line in text.splitlines() if line.startswith("akma_listeners "))
    for client in opening.result():
        client.close()
    return {
        "cores": os.cpu_count(),
        "listeners": count,
        "open_at_the_end": round(float(open_now)),
        "render_at_the_end": f"{state['status']}, {state['frames_done']} frames",
        "seconds_to_open": round(opened, 1),
        "api_mb_before": round(before),
        "api_mb_grew": round(health.megabytes - before),
        "health_ms_alone": alone,
        "health_ms_while_they_open": while_opening,
        "health_ms_after": steady,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    keys = ",".join(f"key{number}:admin:{secret(number)}" for number in range(KEYS))
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "home", AKMA_API_KEYS=keys) as service:
        song = Path(folder) / "song.wav"
        subprocess.run([sys.executable, ROOT / "scripts/make_song.py", song], check=True, stdout=subprocess.DEVNULL)
        process = next(number for number, kind in service.processes().items() if kind == "api")
        print(json.dumps(measure(service, process, options.count, options.seconds, song), indent=1))


if __name__ == "__main__":
    main()
