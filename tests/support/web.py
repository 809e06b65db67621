"""An ASGI app under a real uvicorn on a free port of this machine, a raw connection to it, and forms to send."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

FORM = "multipart/form-data; boundary=XX"


@contextmanager
def serving(app: ASGIApp) -> Iterator[int]:
    """The port."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none", access_log=False))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.005)
            port: int = listener.getsockname()[1]
            yield port
        finally:
            server.should_exit = True
            thread.join()


def talk(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send the pieces as they are; all that comes back until the server closes or is silent for 5 seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        answer = b""
        while not answer.endswith(b"}") and (block := connection.recv(65536)):
            answer += block
    return answer


def part(name: str, data: bytes, file: str | None = None) -> bytes:
    disposition = f'form-data; name="{name}"' + ("" if file is None else f'; filename="{file}"')
    return b"--XX\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + data + b"\r\n"


END = b"--XX--\r\n"
SONG = part("audio", b"RIFF....", "song.wav")
