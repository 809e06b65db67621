"""Event streams whose readers do not read: what they cost the API of a service of its own, while a render runs.

    python benchmarks/listeners.py [--count 1000] [--seconds 30]

Of five keys, since a key may have 250 streams open. Prints the API's memory before and at most, and how long a request
for health takes meanwhile. The sockets that receive are small, so that what is not read piles up in the service.
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import time
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


def measure(service: Service, process: int, count: int, seconds: float, song: Path) -> dict[str, object]:
    """Figures with `count` deaf listeners for `seconds`."""
    headers = {"Authorization": f"Bearer {secret(0)}"}
    render_id = service.submit(song, headers=headers)
    before, most, times = resident(process), 0.0, []
    clients = [listen(service.url, render_id, number) for number in range(count)]
    until = time.monotonic() + seconds
    with httpx.Client(base_url=service.url, headers=headers, timeout=30) as http:
        while time.monotonic() < until:
            began = time.monotonic()
            assert http.get("/v1/health").status_code == 200
            times.append(1000 * (time.monotonic() - began))
            most = max(most, resident(process))
            time.sleep(0.1)
        text = http.get("/metrics").text
        http.delete(f"/v1/renders/{render_id}")
    (open_now,) = (line.split()[1] for line in text.splitlines() if line.startswith("akma_listeners "))
    for client in clients:
        client.close()
    return {
        "listeners": count,
        "open_at_the_end": round(float(open_now)),
        "api_mb_before": round(before),
        "api_mb_grew": round(most - before),
        "health_ms": percentiles(times),
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
