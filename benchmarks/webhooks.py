"""Dead receivers of one key beside a live one of another's, at a running service.

    python benchmarks/webhooks.py --dead 5 --each 4     seconds until the other key's webhook arrives

Dead receivers take connections and never answer. A service is started in a temporary folder, and stopped.
"""

import argparse
import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support import serving as service_of
from tests.support.serving import serving

KEYS = {"greedy": "greedy-secret-0123456", "other": "other-secret-01234567"}


class Receiver(BaseHTTPRequestHandler):
    """Notes when each delivery arrived."""

    arrived: ClassVar[dict[str, float]] = {}

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.arrived[self.headers["webhook-id"]] = time.monotonic()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def ask(url: str, key: str, host: str) -> str:
    """Id of a test delivery that is queued."""
    headers = {"Authorization": f"Bearer {KEYS[key]}"}
    answer = httpx.post(f"{url}/v1/webhooks/test", json={"url": f"http://{host}/"}, headers=headers, timeout=60)
    answer.raise_for_status()
    delivery: str = answer.json()["id"]
    return delivery


def delays(url: str, host: str, count: int) -> list[float]:
    """Seconds from asking to arrival, one delivery after the other."""
    found: list[float] = []
    for _ in range(count):
        began = time.monotonic()
        delivery = ask(url, "other", host)
        while delivery not in Receiver.arrived:
            if time.monotonic() - began > 120:
                return [*found, float("inf")]
            time.sleep(0.01)
        found.append(Receiver.arrived[delivery] - began)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dead", type=int, default=5, help="dead receivers")
    parser.add_argument("--each", type=int, default=4, help="deliveries to each of them")
    parser.add_argument("--count", type=int, default=10, help="deliveries of the other key")
    options = parser.parse_args()
    service_of.READY = 300.0  # seconds, on a machine that is busy
    with ExitStack() as stack:
        dead = [stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100)) for _ in range(options.dead)]
        live = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Receiver))
        threading.Thread(target=live.serve_forever, daemon=True).start()
        hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in (*dead, live.socket)]
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environ = {
            "AKMA_API_KEYS": ",".join(f"{name}:user:{secret}" for name, secret in KEYS.items()),
            "AKMA_WEBHOOK_SECRET": "0123456789abcdef",
            "AKMA_WEBHOOK_ALLOW_PRIVATE": ",".join(hosts),
        }
        service = stack.enter_context(serving(home, **environ))
        alone = delays(service.url, hosts[-1], options.count)
        for host in hosts[:-1]:
            for _ in range(options.each):
                ask(service.url, "greedy", host)
        beside = delays(service.url, hosts[-1], options.count)
        live.shutdown()
    shown = {
        name: {"median": round(statistics.median(each), 2), "longest": round(max(each), 2)}
        for name, each in (("seconds_alone", alone), ("seconds_beside_the_dead", beside))
    }
    print(json.dumps({"dead": options.dead, "deliveries_to_each": options.each, **shown}))


if __name__ == "__main__":
    main()
