"""A client that drips the head of its request, or sends none, is hung up on; one that is slow with the rest is not."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from akma_core.api import header_timeout
from akma_core.api.header_timeout import HeaderTimeoutProtocol

LIMIT = 0.3  # seconds


async def echo(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    body = b""
    while (message := await receive()).get("more_body"):
        body += message.get("body", b"")
    body += message.get("body", b"")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(header_timeout, "SECONDS", LIMIT)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(echo, http=HeaderTimeoutProtocol, lifespan="off", log_level="error", timeout_keep_alive=30)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listener.close()


def until_closed(client: socket.socket) -> float:
    """Seconds until the other side hangs up."""
    began = time.monotonic()
    client.settimeout(10)
    assert client.recv(100) == b""
    return time.monotonic() - began


def drip(client: socket.socket, data: bytes) -> int:
    """Bytes that were taken until the other side was gone."""
    for count, byte in enumerate(data):
        try:
            client.sendall(bytes([byte]))
        except OSError:  # a reset or a broken pipe
            return count
        time.sleep(0.05)
    return len(data)


def answer(client: socket.socket, end: bytes) -> bytes:
    """What comes, up to `end`."""
    client.settimeout(10)
    got = b""
    while not got.endswith(end):
        piece = client.recv(1000)
        assert piece
        got += piece
    return got


def test_silence_and_dripping_are_hung_up_on(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as silent:
        assert LIMIT * 0.8 < until_closed(silent) < 5
    with socket.create_connection(("127.0.0.1", port)) as dripping:
        assert 3 < drip(dripping, b"GET / HTTP/1.1\r\nX: " + b"a" * 1000) < 100


def test_a_slow_body_and_a_pause_between_requests_are_let_be(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        for _ in range(2):
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
            for byte in b"body":
                time.sleep(LIMIT / 2)
                client.sendall(bytes([byte]))
            assert answer(client, b"body").startswith(b"HTTP/1.1 200")
            time.sleep(2 * LIMIT)  # nothing is asked for
        client.sendall(b"GET / HTTP/1.1\r\n")  # and then only half of it
        assert LIMIT * 0.8 < until_closed(client) < 5
