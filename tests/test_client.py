import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from akma_core import client as client_module
from akma_core.api import watch
from akma_core.cli.main import main
from akma_core.client import Client
from akma_core.errors import AkmaError, FailureError, RequestError
from tests.support.app import House, keeping, whole
from tests.support.songs import write_song

SECRET = "ann-secret-0123456789"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch, keeping(tmp_path_factory.mktemp("house")) as house:
        patch.setattr(watch, "EVERY", 0.1)
        yield house


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "PAUSES", (0.02, 0.05))
    monkeypatch.setattr(client_module, "POLL", 0.1)
    monkeypatch.setattr(client_module, "RETRY_FOR", 3.0)
    monkeypatch.setenv("AKMA_API_KEY", SECRET)


@pytest.fixture
def song(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """3 seconds, another song in each test."""
    return write_song(tmp_path / "a song.wav", 3, pitch=200 + hash(request.node.name) % 1000)


@contextmanager
def working(house: House, end: str = "done", video: bytes | None = None) -> Iterator[None]:
    """A worker that renders everything that is queued, or ends it otherwise."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            for render in house.database.waiting():
                if end == "done":
                    house.finish(render.id, video)
                else:
                    house.end(render.id, end)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@dataclass
class Cut:
    """Connections over which a request with `text` goes are cut after `down` bytes of answer, or `up` of request."""

    text: bytes
    down: int | None = 0
    up: int | None = None
    times: int = 1


@dataclass
class Wire:
    """A proxy that breaks connections; `heard`: all that clients sent."""

    target: int
    cuts: list[Cut] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)

    def run(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        armed: list[Cut] = []
        with near, socket.create_connection(("127.0.0.1", self.target)) as far:

            def down() -> None:
                got = 0
                with suppress(OSError):
                    while data := far.recv(65536):
                        got += len(data)
                        if armed and armed[0].down is not None and got > armed[0].down:
                            near.sendall(data[: len(data) - (got - armed[0].down)])
                            break
                        near.sendall(data)
                for each in (near, far):
                    with suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)

            back = threading.Thread(target=down)
            back.start()
            sent = 0
            with suppress(OSError):
                while data := near.recv(65536):
                    self.heard += data[:2000]
                    for cut in self.cuts:
                        if cut.times and cut.text in data and not armed:
                            cut.times -= 1
                            armed.append(cut)
                    sent += len(data)
                    if armed and armed[0].up is not None and sent > armed[0].up:
                        break
                    far.sendall(data)
            for each in (near, far):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            back.join()


@contextmanager
def wired(house: House, *cuts: Cut) -> Iterator[tuple[str, Wire]]:
    wire = Wire(int(house.url.rpartition(":")[2]), list(cuts))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=wire.run, args=(listener,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", wire
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # which ends accept(); close() alone would not


def akma(*arguments: object) -> int:
    return main(["submit", *map(str, arguments)])


def renders(house: House, song: Path) -> list[Any]:
    """Those of this test, the newest first: the song's digest is in no other."""
    known = [each for each in house.database.page(None, None, 100) if house.storage.exists(each.audio)]
    return [each for each in known if house.storage.get_bytes(each.audio) == song.read_bytes()]


def test_a_song_becomes_a_video(house: House, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.mp4"
    with working(house):
        assert akma(song, "--server", house.url, "-o", output, "--fps", "12", "--seed", 7) == 0
    assert output.read_bytes() == whole(house.made)
    assert json.loads(output.with_suffix(".json").read_bytes())["akma"] == "manifest"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a song.wav", "out.json", "out.mp4"]
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err
    assert "36 frames at 12 fps" in told.out
    assert "100%" in told.err
    (render,) = renders(house, song)
    assert render.name == "a song.wav"
    assert (json.loads(render.settings)["fps"], json.loads(render.settings)["seed"]) == ("12", 7)


def test_an_answer_that_is_lost_makes_no_second_render(house: House, song: Path, tmp_path: Path) -> None:
    post = b"POST /v1/renders "
    with working(house), wired(house, Cut(post, up=2000), Cut(post), Cut(post)) as (url, wire):
        assert akma(song, "--server", url, "-o", tmp_path / "out.mp4", "--fps", 12) == 0
    assert wire.heard.count(post) == 4
    assert len(renders(house, song)) == 1


def test_a_video_that_comes_in_pieces(house: House, song: Path, tmp_path: Path) -> None:
    video, output = os.urandom(1 << 20), tmp_path / "out.mp4"
    cuts = [Cut(b"/events ", 300), Cut(b"/manifest ", 40), Cut(b"/video ", 200_000, times=3)]
    with working(house, video=video), wired(house, *cuts) as (url, wire):
        assert akma(song, "--server", url, "-o", output, "--fps", 12) == 0
    assert output.read_bytes() == video
    assert wire.heard.count(b"/video ") == 4
    assert wire.heard.lower().count(b"range: bytes=") == 3
    assert b"range: bytes=0-" not in wire.heard.lower()


def test_where_events_do_not_come_through(house: House, song: Path, tmp_path: Path) -> None:
    with wired(house, Cut(b"/events ", times=1000)) as (url, wire), working(house):
        assert akma(song, "--server", url, "-o", tmp_path / "out.mp4", "--fps", 12) == 0
    assert wire.heard.count(b"/events ") <= 3


def test_the_same_again_is_done_already(
    house: House, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"
    with working(house):
        assert akma(song, "--server", house.url, "-o", output, "--fps", 12) == 0
        manifest = json.loads(output.with_suffix(".json").read_bytes())
        manifest["plan"]["audio"]["sha256"] = hashlib.sha256(song.read_bytes()).hexdigest()
        output.with_suffix(".json").write_text(json.dumps(manifest))  # the house renders one song only
        assert akma(song, "--server", house.url, "-o", output, "--fps", 12) == 0
        assert "is done already" in capsys.readouterr().out
        assert akma(song, "--server", house.url, "-o", output, "--fps", 13) == 2
        assert "exists, and was made otherwise: give --overwrite" in capsys.readouterr().err
        assert akma(song, "--server", house.url, "-o", output, "--fps", 13, "--overwrite") == 0
    assert len(renders(house, song)) == 2


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_render_that_does_not_end_well(
    house: House, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    output = tmp_path / "out.mp4"
    with working(house, end):
        assert akma(song, "--server", house.url, "-o", output, "--fps", 12) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert ("failed: the song is broken: export it again" if end == "failed" else "was cancelled") in line
    assert not output.exists()
    with working(house):  # and once more is another render
        assert akma(song, "--server", house.url, "-o", output, "--fps", 12) == 0
    assert [render.status for render in renders(house, song)] == ["done", end]


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["--model", "nope"], 2, "nope"),
        (["--fps", "0"], 2, "fps should be between 1 and 240"),
        (["--key", "wrong-key-0123456789"], 2, "this API key is not known here"),
        (["--key", "bad\nkey"], 2, "the API key has characters"),
        (["--server", "http://127.0.0.1:1"], 1, "does not answer"),
        (["--server", "ftp://127.0.0.1"], 2, "is no address"),
        (["--server", "http://user:pw@127.0.0.1"], 2, "is no address"),
        (["-o", "out.mkv"], 2, "should end in .mp4"),
        (["-o", "no/such/out.mp4"], 2, "does not exist"),
    ],
)
def test_what_is_refused_is_said_in_one_line(
    house: House,
    song: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    line: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert akma(song, "--server", house.url, "-o", "out.mp4", *arguments) == code
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1
    assert "key-0123456789" not in told
    assert [path.name for path in tmp_path.iterdir()] == [song.name]


def test_a_video_that_is_not_the_one_of_its_manifest(
    house: House, song: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = json.dumps({"video": {"bytes": len(whole(house.made)), "sha256": "0" * 64}}).encode()
    monkeypatch.setattr(Client, "manifest", lambda *_: wrong)
    with working(house):
        assert akma(song, "--server", house.url, "-o", tmp_path / "out.mp4", "--fps", 12) == 1
    assert "not the one of its manifest" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [song.name]


@contextmanager
def answering(status: int, body: bytes, **headers: str) -> Iterator[str]:
    """A server that says the same to all."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (200, b"<html>", FailureError, "does not answer as AKMA does"),
        (200, b'{"status": "done", "id": "../x"}', FailureError, "does not answer as AKMA does"),
        (200, b"[]", FailureError, "does not answer as AKMA does"),
        (404, b"<html>", RequestError, "HTTP 404"),
        (500, b'{"error": 3}', FailureError, "HTTP 500"),
        (507, b'{"error": {"code": "disk_full", "message": "no room\\u001b[2J"}}', FailureError, "^no room\\[2J$"),
        (503, b'{"error": {"code": "unavailable", "message": "starting"}}', FailureError, "^starting$"),
        (301, b"", RequestError, "sends us on to 'https://elsewhere/'"),
    ],
)
def test_answers_that_are_none(
    status: int, body: bytes, kind: type[AkmaError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "RETRY_FOR", 0.1)
    with (
        answering(status, body, Location="https://elsewhere/") as url,
        Client(url) as client,
        pytest.raises(kind, match=words),
    ):
        client.get("0" * 32)


def test_a_server_that_is_away_for_a_moment(house: House) -> None:
    render_id = house.accept()
    with wired(house, Cut(render_id.encode(), times=3)) as (url, wire), Client(url, SECRET) as client:
        assert client.get(render_id)["status"] == "queued"
        assert wire.heard.count(b"GET /") == 4


def test_memory_does_not_grow_with_the_song(house: House, tmp_path: Path) -> None:
    large = tmp_path / "large.wav"
    with large.open("wb") as file:
        file.truncate(64 << 20)
    with Client(house.url, SECRET) as client:
        tracemalloc.start()
        try:
            with pytest.raises(RequestError):
                client.submit(large, {}, "large")
            assert tracemalloc.get_traced_memory()[1] < 16 << 20  # of both sides
        finally:
            tracemalloc.stop()


def test_a_song_that_shrinks_while_it_is_sent(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song = tmp_path / "song.wav"
    song.write_bytes(bytes(1 << 20))
    size = os.fstat

    def announced(number: int) -> os.stat_result:
        found = list(size(number))
        found[6] += 1000
        return os.stat_result(found)

    with Client(house.url, SECRET) as client:
        monkeypatch.setattr(os, "fstat", announced)
        with pytest.raises(RequestError, match="changed while it was sent"):
            client.submit(song, {}, "shrinking")


@pytest.mark.parametrize("detach", [False, True])
def test_ctrl_c(house: House, song: Path, tmp_path: Path, detach: bool) -> None:
    output = tmp_path / "out.mp4"
    command = ["submit", str(song), "--server", house.url, "-o", str(output), "--fps", "12"]
    process = subprocess.Popen(
        [sys.executable, "-m", "akma_core.cli", *command, *(["--detach"] if detach else [])],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr
    first = process.stderr.readline()
    assert first.startswith("render ")
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read().splitlines()
    process.stderr.close()
    assert process.wait(10) == 130
    (render,) = renders(house, song)
    assert render.id in first
    assert rest[-1].startswith(f"akma: interrupted; render {render.id} " + ("goes on" if detach else "is cancelled"))
    assert render.status == ("queued" if detach else "cancelled")
    with working(house):
        assert main(command) == 0
    assert len(renders(house, song)) == (1 if detach else 2)
