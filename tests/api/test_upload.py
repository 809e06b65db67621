"""Forms over real HTTP: what arrives, what is refused, and that nothing is left behind."""

import asyncio
import hashlib
import json
import re
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from akma_core.api import upload
from akma_core.api.errors import answer
from akma_core.api.multipart import Limits
from akma_core.api.upload import Received, fields_of, receive
from akma_core.errors import AkmaError, FailureError
from tests.support.web import END, FORM, SONG, part, serving, talk

LIMITS = Limits(
    file_bytes=3 << 20,
    form_bytes=20_000,
    fields=5,
    field_bytes=1000,
    header_bytes=300,
    reserve_bytes=0,
    idle_seconds=1.0,
)


@dataclass
class Door:
    """A server whose every POST is a form with a file in `audio`."""

    folder: Path
    port: int = 0
    limits: Limits = LIMITS
    errors: int = 0

    async def take(self, request: Request) -> Response:
        try:
            with await receive(request, self.folder, "audio", self.limits) as got:
                assert got.path.parent == self.folder
                assert got.path.stat().st_size == got.size
                assert hashlib.sha256(got.path.read_bytes()).hexdigest() == got.sha256
                file_name = got.path.name
                return JSONResponse(
                    {"name": got.name, "size": got.size, "file": file_name, "fields": fields_of(got), "sha": got.sha256}
                )
        except AkmaError as error:
            self.errors += 1
            return answer(error)

    async def ping(self, _request: Request) -> Response:
        return Response("pong")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def post(self, **form: Any) -> httpx.Response:
        return httpx.post(self.url, timeout=20, **form)

    def send(self, body: bytes, kind: str = FORM) -> tuple[int, dict[str, str]]:
        """Status and error of a body as it is."""
        response = self.post(content=body, headers={"Content-Type": kind})
        return response.status_code, response.json().get("error", {})


@pytest.fixture(scope="module")
def server() -> Iterator[Door]:
    door = Door(Path())
    routes = [Route("/", door.take, methods=["POST"]), Route("/ping", door.ping)]
    with serving(Starlette(routes=routes)) as door.port:
        yield door


@pytest.fixture
def door(server: Door, tmp_path: Path) -> Iterator[Door]:
    server.folder, server.limits, server.errors = tmp_path, LIMITS, 0
    yield server
    wait_until_empty(tmp_path)


def wait_until_empty(folder: Path) -> None:
    """A client that left is noticed a moment later."""
    for _ in range(200):
        if not list(folder.iterdir()):
            return
        time.sleep(0.01)
    raise AssertionError(f"left on the disk: {list(folder.iterdir())}")


@pytest.mark.parametrize("size", [1, 1000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_file_and_fields_arrive_as_they_are(door: Door, size: int) -> None:
    song = (b"\r\n--XX\r--" * (size // 8 + 1))[:size]
    answer = door.post(files={"audio": ("My song.WAV", song)}, data={"fps": "30", "model": "märz"}).json()
    assert answer["fields"] == {"fps": "30", "model": "märz"}
    assert (answer["name"], answer["size"]) == ("My song.WAV", size)
    assert answer["sha"] == hashlib.sha256(song).hexdigest()
    assert re.fullmatch(r"[0-9a-f]{32}\.wav", answer["file"])


def test_curl(door: Door, tmp_path_factory: pytest.TempPathFactory) -> None:
    """It waits for 100-continue before it sends a body of more than a megabyte."""
    song = tmp_path_factory.mktemp("songs") / "song.mp3"
    song.write_bytes(bytes(2 << 20))
    command = ["curl", "-sS", "--expect100-timeout", "30", "-H", "Expect: 100-continue"]
    done = subprocess.run([*command, "-F", f"audio=@{song}", "-F", "fps=25", door.url], capture_output=True, check=True)
    assert json.loads(done.stdout)["fields"] == {"fps": "25"}
    assert json.loads(done.stdout)["size"] == 2 << 20


def test_body_in_chunks_of_single_bytes(door: Door) -> None:
    body = part("fps", b"30") + SONG + END
    answer = door.post(content=(bytes([byte]) for byte in body), headers={"Content-Type": FORM}).json()
    assert (answer["fields"], answer["size"]) == ({"fps": "30"}, 8)


BROKEN = {
    "text for the file": (part("audio", b"song.wav") + END, 422, "bad_body", "@"),
    "file for text": (part("fps", b"30", "fps.txt") + SONG + END, 422, "bad_body", "fps is sent as a file"),
    "two files": (SONG + SONG + END, 422, "bad_body", "twice"),
    "no file": (part("fps", b"30") + END, 422, "bad_body", "audio should be a file"),
    "nothing": (END, 422, "bad_body", "audio should be a file"),
    "no body": (b"", 422, "incomplete_upload", "middle"),
    "empty file": (part("audio", b"", "song.wav") + END, 422, "bad_body", "empty"),
    "a browser's form without a file": (part("audio", b"", "") + END, 422, "bad_body", "empty"),
    "repeated field": (part("fps", b"30") + SONG + part("fps", b"30") + END, 422, "bad_setting", "fps is given twice"),
    "truncated in the file": (SONG[:-8], 422, "incomplete_upload", "middle"),
    "truncated before the end": (SONG + b"--XX", 422, "incomplete_upload", "middle"),
    "other boundary": (SONG.replace(b"XX", b"YY") + END, 422, "bad_body", "multipart"),
    "no form": (b"hello", 422, "bad_body", "multipart"),
    "no name": (b"--XX\r\nContent-Type: text/plain\r\n\r\n1\r\n" + END, 422, "bad_body", "no name"),
    "empty name": (part("", b"1") + SONG + END, 422, "bad_body", "no name"),
    "name that is no UTF-8": (part("f", b"1").replace(b'"f"', b'"\xff"') + END, 422, "bad_body", "UTF-8"),
    "text that is no UTF-8": (part("fps", b"\xff") + SONG + END, 422, "bad_body", "fps is not UTF-8"),
    "NUL": (part("model", b"a\0b") + SONG + END, 422, "bad_body", "NUL"),
    "broken header": (b"--XX\r\nno colon\r\n\r\n1\r\n" + END, 422, "bad_body", "multipart"),
    "long header": (part("fps", b"1", "x" * 400) + END, 422, "bad_body", "header size"),
    "many headers": (b"--XX\r\n" + b"A: b\r\n" * 20 + b"\r\n1\r\n" + END, 422, "bad_body", "header count"),
    "many fields": (b"".join(part(f"f{n}", b"") for n in range(6)) + SONG + END, 413, "too_large", "5 fields"),
    "long field": (part("fps", bytes(1001).replace(b"\0", b"1")) + SONG + END, 413, "too_large", "1,000 bytes"),
    "large file": (part("audio", bytes((3 << 20) + 1), "a.wav") + END, 413, "too_large", "3,145,728 bytes"),
    "endless epilogue": (SONG + END + bytes(30_000), 413, "too_large", "20,000 bytes"),
    "settings that are no JSON": (part("settings", b"{") + SONG + END, 422, "bad_setting", "settings are no JSON"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_forms(door: Door, case: str) -> None:
    body, status, code, word = BROKEN[case]
    got, error = door.send(body)
    assert (got, error["code"]) == (status, code)
    assert word in error["message"]
    assert "\n" not in error["message"]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("", 415, "unsupported_type"),
        ("application/json", 415, "unsupported_type"),
        ("application/x-www-form-urlencoded", 415, "unsupported_type"),
        ("audio/wav", 415, "unsupported_type"),
        ("multipart/mixed; boundary=XX", 415, "unsupported_type"),
        ("multipart/form-data", 422, "bad_body"),
        ("multipart/form-data; boundary=", 422, "bad_body"),
        (f"multipart/form-data; boundary={'X' * 71}", 422, "bad_body"),
        (f"multipart/form-data; boundary={'X' * 300}", 422, "bad_body"),
    ],
)
def test_other_types(door: Door, kind: str, status: int, code: str) -> None:
    got, error = door.send(SONG + END, kind)
    assert (got, error["code"]) == (status, code)


def test_compressed_body(door: Door) -> None:
    response = door.post(content=b"", headers={"Content-Type": FORM, "Content-Encoding": "gzip"})
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_type")


def head(length: int | None = None, *more: str) -> bytes:
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = ["POST / HTTP/1.1", "Host: localhost", f"Content-Type: {FORM}", framing, *more]
    return "\r\n".join([*lines, "", ""]).encode()


def test_too_long_a_body_is_refused_before_it_is_read(door: Door) -> None:
    answer = talk(door.port, head(10 << 40, "Expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer


def test_no_room_is_said_before_the_body_is_read(door: Door) -> None:
    door.limits = replace(LIMITS, reserve_bytes=1 << 60)
    assert talk(door.port, head(1000, "Expect: 100-continue")).startswith(b"HTTP/1.1 507 ")
    door.limits = replace(LIMITS, file_bytes=1 << 60)
    assert talk(door.port, head(1 << 59, "Expect: 100-continue")).startswith(b"HTTP/1.1 507 ")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The kernel refuses to write beyond it, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up(door: Door) -> None:
    with files_of_at_most(1_500_000):
        status, error = door.send(part("audio", bytes(3 << 20), "a.wav") + END)
    assert (status, error["code"]) == (507, "disk_full")
    assert str(door.folder) not in error["message"]


def test_the_last_bytes_meet_a_full_disk_too(tmp_path: Path) -> None:
    """Few as they are: they do not wait in a buffer until nobody asks."""
    spool = upload._Spool(tmp_path / "song", 0)
    spool.write(bytearray(1_500_000))
    with files_of_at_most(1_500_050), pytest.raises(FailureError, match="no room"):
        spool.write(bytearray(100))
    spool.discard()


def test_others_fill_the_disk_meanwhile(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([10 << 20, 2 << 20, 100, 0, 0])
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: SimpleNamespace(free=next(free)))
    body = part("audio", bytes(3 << 20), "a.wav") + END
    response = door.post(content=iter([body]), headers={"Content-Type": FORM})
    assert (response.status_code, response.json()["error"]["code"]) == (507, "disk_full")


def test_a_folder_that_cannot_be_written(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error", "/srv/secret/path")

    monkeypatch.setattr(Path, "open", fail)
    status, error = door.send(SONG + END)
    assert (status, error["code"]) == (500, "write_failed")
    assert "/srv" not in error["message"]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_client_that_leaves(door: Door, framing: str) -> None:
    body = SONG[:-8] + bytes(2 << 20)
    if framing == "length":
        sent = head(3 << 20) + body
    else:
        sent = head() + b"%x\r\n" % len(body) + body + b"\r\n"
    with socket.create_connection(("127.0.0.1", door.port)) as connection:
        connection.sendall(sent)
        while not list(door.folder.iterdir()):
            time.sleep(0.005)
    wait_until_empty(door.folder)
    while not door.errors:
        time.sleep(0.005)


def test_a_client_that_stops_sending(door: Door) -> None:
    door.limits = replace(LIMITS, idle_seconds=0.2)
    answer = talk(door.port, head(1000) + SONG)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"0.2 seconds" in answer


def test_a_slow_client_does_not_hold_up_others(door: Door) -> None:
    door.limits = replace(LIMITS, idle_seconds=60)
    with socket.create_connection(("127.0.0.1", door.port)) as slow:
        slow.sendall(head(1000) + SONG[:20])
        assert all(door.send(SONG + END)[0] == 200 for _ in range(5))


def test_a_slow_disk_does_not_hold_up_others(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    write, writing, go_on = upload._Spool.write, threading.Event(), threading.Event()

    def slow(spool: upload._Spool, block: bytearray) -> None:
        writing.set()
        assert go_on.wait(15)
        write(spool, block)

    monkeypatch.setattr(upload._Spool, "write", slow)
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(door.send, part("audio", bytes(1 << 20), "a.wav") + END)
        assert writing.wait(5)
        assert httpx.get(f"{door.url}ping", timeout=10).text == "pong"
        go_on.set()
        assert sent.result()[0] == 200


def test_uploads_at_the_same_time_stay_apart(door: Door) -> None:
    songs = [bytes([n]) * (1_200_000 + n) for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda song: door.post(files={"audio": ("a.wav", song)}).json(), songs))
    assert [answer["sha"] for answer in answers] == [hashlib.sha256(song).hexdigest() for song in songs]


SERVER = """
import asyncio, re, sys
from pathlib import Path
from starlette.requests import Request
from starlette.responses import Response
from akma_core.api.upload import receive
from tests.support.web import serving

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

async def app(scope, receive_, send):
    with await receive(Request(scope, receive_), Path(sys.argv[1]), "audio") as got:
        await Response(f"{got.size} {peak()}")(scope, receive_, send)

with serving(app) as port:
    print(port, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_constant(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/"

        def peak(megabytes: int) -> int:
            start, end = SONG[:-2], b"\r\n" + END
            pieces = (piece for piece in (start, *[bytes(1 << 20)] * megabytes, end))
            size, kilobytes = httpx.post(url, content=pieces, headers={"Content-Type": FORM}, timeout=60).text.split()
            assert int(size) == (megabytes << 20) + 8
            return int(kilobytes)

        small = peak(8)
        assert peak(200) - small < 10_000
        process.communicate()
    wait_until_empty(tmp_path)


def test_close_may_be_called_twice(tmp_path: Path) -> None:
    path = tmp_path / "song"
    path.write_bytes(b"x")
    with Received(path, "a", 1, "", {}) as got:
        got.close()
        assert not path.exists()


def test_a_cancelled_request_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the thread that was writing goes on."""
    write, writing, done = upload._Spool.write, threading.Event(), threading.Event()

    def slow(spool: upload._Spool, block: bytearray) -> None:
        writing.set()
        time.sleep(0.1)
        write(spool, block)
        done.set()

    async def import_network() -> dict[str, Any]:
        if writing.is_set():
            await asyncio.sleep(60)
        return {"type": "http.request", "body": part("audio", bytes(1 << 20), "a.wav"), "more_body": True}

    async def cancel() -> None:
        request = Request({"type": "http", "headers": [(b"content-type", FORM.encode())]}, import_network)
        task = asyncio.create_task(receive(request, tmp_path, "audio", LIMITS))
        await asyncio.to_thread(writing.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    monkeypatch.setattr(upload._Spool, "write", slow)
    asyncio.run(cancel())
    assert done.wait(5)
    assert not list(tmp_path.iterdir())
