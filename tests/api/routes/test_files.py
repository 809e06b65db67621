import re
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from email.message import Message
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akma_core.api.responses import byte_range, disposition
from akma_core.storage import FileStorage
from tests.support.app import House, keeping


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with keeping(tmp_path_factory.mktemp("house")) as house:
        yield house


@pytest.fixture(scope="module")
def video(house: House) -> tuple[str, bytes]:
    """A finished render and its video."""
    render_id = house.accept(name='Füße & "quotes".wav')
    return render_id, house.finish(render_id)


def test_the_video_as_a_whole(house: House, video: tuple[str, bytes]) -> None:
    render_id, data = video
    answer = house.get(render_id, "/video")
    assert answer.status_code == 200
    assert answer.content == data
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert int(answer.headers["content-length"]) == len(data)
    assert file_name(answer.headers["content-disposition"]) == 'Füße & "quotes".mp4'


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("0-0", 0, 1),
        ("5-9", 5, 10),
        ("5-", 5, None),
        ("-7", -7, None),
        ("0-99999999999999", 0, None),
        ("-99999999", 0, None),
    ],
)
def test_ranges(house: House, video: tuple[str, bytes], asked: str, start: int, stop: int | None) -> None:
    render_id, data = video
    answer = house.get(render_id, "/video", range=f"bytes={asked}")
    assert answer.status_code == 206
    assert answer.content == data[start:stop]
    first = start if start >= 0 else len(data) + start
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(answer.content) - 1}/{len(data)}"


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,3-4", "bytes=9-3", "bytes=-", "bytes=a-b", "lines=0-1", "bytes=1", "", "0-1"]
)
def test_ranges_that_nobody_has_to_understand(house: House, video: tuple[str, bytes], asked: str) -> None:
    answer = house.get(video[0], "/video", range=asked)
    assert (answer.status_code, answer.content) == (200, video[1])


@pytest.mark.parametrize("asked", ["{size}-", "{size}-{size}", "99999999999-", "-0"])
def test_ranges_beyond_the_end(house: House, video: tuple[str, bytes], asked: str) -> None:
    render_id, data = video
    answer = house.get(render_id, "/video", range="bytes=" + asked.format(size=len(data)))
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(data)}"
    assert answer.json()["error"]["code"] == "bad_range"


def test_it_does_not_send_what_the_client_has(house: House, video: tuple[str, bytes]) -> None:
    render_id, data = video
    tag = house.get(render_id, "/video").headers["etag"]
    assert re.fullmatch(r'"[!-~]+"', tag)
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = house.get(render_id, "/video", If_None_Match=known)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert house.get(render_id, "/video", If_None_Match='"other"').status_code == 200
    assert house.get(render_id, "/video", If_Range=tag, range="bytes=3-5").content == data[3:6]
    for other in ('"other"', "Sat, 22 Nov 2025 10:00:00 GMT", f"W/{tag}"):
        assert house.get(render_id, "/video", If_Range=other, range="bytes=3-5").content == data


def test_head(house: House, video: tuple[str, bytes]) -> None:
    render_id, data = video
    answer = httpx.head(house.path(render_id, "/video"), headers=house.as_("ann") | {"Range": "bytes=0-1"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == len(data)
    assert answer.headers["etag"] == house.get(render_id, "/video").headers["etag"]


def test_the_manifest(house: House, video: tuple[str, bytes]) -> None:
    answer = house.get(video[0], "/manifest")
    assert answer.json()["plan"]["frames"] == house.made.plan.frames
    assert answer.headers["content-type"] == "application/json"
    assert file_name(answer.headers["content-disposition"]) == 'Füße & "quotes".json'


@pytest.mark.parametrize("what", ["video", "manifest"])
def test_before_it_is_done(house: House, what: str) -> None:
    render_id = house.accept()
    for _ in range(2):
        answer = house.get(render_id, f"/{what}")
        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "not_done"
        assert f"the {what} is not there yet" in answer.json()["error"]["message"]
        house.plan(render_id)


@pytest.mark.parametrize("what", ["video", "manifest", "waveform.png"])
def test_after_it_failed_or_was_cancelled(house: House, what: str) -> None:
    render_id = house.accept()
    house.database.fail(render_id, "song_broken", "the song is broken")
    error = house.get(render_id, f"/{what}")
    assert error.status_code == 404
    assert "failed (the song is broken)" in error.json()["error"]["message"]
    other = house.accept()
    house.database.cancel(other)
    assert "was cancelled" in house.get(other, f"/{what}").json()["error"]["message"]


def test_files_that_were_cleared_away(house: House) -> None:
    render_id = house.done()
    house.storage.delete_prefix(f"renders/{render_id}/")
    for what in ("video", "manifest", "waveform.png"):
        answer = house.get(render_id, f"/{what}")
        assert answer.status_code == 404
        assert "file:" not in answer.text


@pytest.mark.parametrize("what", ["video", "manifest", "waveform.png", "log"])
def test_only_those_who_may(house: House, what: str) -> None:
    render_id = house.accept("ann")
    path = house.path(render_id, f"/{what}")
    assert httpx.get(path).status_code == 401
    assert house.get(render_id, f"/{what}", name="bob").status_code == 404
    assert house.get(render_id, f"/{what}", name="eve").status_code in (200, 409)
    assert httpx.get(path, params={"token": house.token("f" * 32)}).status_code in (401, 403)
    linked = httpx.get(path, params={"token": house.token(render_id)}).status_code
    assert linked == (401 if what == "log" else 409)


@pytest.mark.parametrize("render_id", ["..", "%2e%2e", "x", "A" * 32, "0" * 5000, "a%00b", "..%2f..%2fetc"])
def test_path_tricks(house: House, render_id: str) -> None:
    for what in ("video", "manifest", "log", "waveform.png", "stream.m3u8"):
        answer = httpx.get(f"{house.url}/v1/renders/{render_id}/{what}", headers=house.as_("eve"))
        assert answer.status_code in (404, 422), answer.text


def test_a_bucket_that_signs_links(house: House, video: tuple[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        FileStorage, "signed_url", lambda _, key, seconds: f"https://bucket.example/{key}?for={seconds}"
    )
    answer = house.get(video[0], "/video")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"https://bucket.example/renders/{video[0]}/video.mp4?for=86400"
    assert answer.headers["cache-control"] == "no-store"
    assert httpx.head(house.path(video[0], "/video"), headers=house.as_("ann")).status_code == 200


def test_the_waveform_is_drawn_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    render_id = house.accept()
    assert house.get(render_id, "/waveform.png").json()["error"]["code"] == "not_done"
    house.plan(render_id)
    drawn, plot = [], type(house.state.probe).plot

    async def counted(*arguments: Any) -> bytes:
        drawn.append(arguments)
        return await plot(*arguments)

    monkeypatch.setattr(type(house.state.probe), "plot", counted)
    answers = [house.get(render_id, "/waveform.png") for _ in range(3)]
    assert answers[0].content.startswith(b"\x89PNG")
    assert answers[0].headers["content-type"] == "image/png"
    assert len({answer.content for answer in answers}) == 1
    assert len(drawn) == 1


def test_the_log(house: House) -> None:
    render_id = house.accept()
    assert house.get(render_id, "/log").text == ""
    house.database.note(render_id, "the window is 9 frames: the song is short")
    house.database.note(render_id, "chunk 3: ünïcode")
    answer = house.get(render_id, "/log")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert [line.partition(" ")[2] for line in lines] == [
        "the window is 9 frames: the song is short",
        "chunk 3: ünïcode",
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", lines[0].partition(" ")[0])
    told = house.get(render_id, "/log", accept="application/json").json()["lines"]
    assert [line["text"] for line in told] == [line.partition(" ")[2] for line in lines]


def test_memory_does_not_grow_with_the_video(house: House) -> None:
    render_id = house.accept()
    house.finish(render_id, video=bytes(64 << 20))
    tracemalloc.start()
    try:
        with httpx.stream("GET", house.path(render_id, "/video"), headers=house.as_("ann")) as response:
            got = sum(len(piece) for piece in response.iter_raw())
        assert got == 64 << 20
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_who_goes_away_leaves_nothing_open(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    render_id = house.accept()
    house.finish(render_id, video=bytes(32 << 20))
    closed = threading.Event()
    original = FileStorage._pieces

    def watched(*arguments: Any) -> Iterator[bytes]:
        try:
            yield from original(*arguments)
        finally:
            closed.set()

    monkeypatch.setattr(FileStorage, "_pieces", watched)
    with socket.create_connection(("127.0.0.1", int(house.url.rpartition(":")[2]))) as client:
        link = f"/v1/renders/{render_id}/video?token={house.token(render_id)}"
        client.sendall(f"GET {link} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        time.sleep(0.1)
        assert not closed.is_set()
    assert closed.wait(5)


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60) | st.none())
def test_a_range_is_what_python_slices(size: int, start: int, end: int | None) -> None:
    data = bytes(range(size))
    header = f"bytes={start}-" + ("" if end is None else str(end))
    if end is not None and end < start:
        assert byte_range(header, size) is None
    elif start >= size:
        with pytest.raises(ValueError, match="bytes"):
            byte_range(header, size)
    else:
        part = byte_range(header, size)
        assert part
        assert data[slice(*part)] == data[start : None if end is None else end + 1]


@given(st.integers(0, 50), st.integers(0, 60))
def test_a_suffix_is_what_python_slices(size: int, suffix: int) -> None:
    data = bytes(range(size))
    if not suffix or not size:
        with pytest.raises(ValueError, match="bytes"):
            byte_range(f"bytes=-{suffix}", size)
    else:
        part = byte_range(f"bytes=-{suffix}", size)
        assert part
        assert data[slice(*part)] == data[-suffix:]


@given(st.text(st.characters(codec="latin-1"), max_size=30), st.integers(0, 10**6))
def test_any_range_header_is_an_answer(header: str, size: int) -> None:
    for text in (header, "bytes=" + header):
        try:
            part = byte_range(text, size)
        except ValueError:
            continue
        assert part is None or 0 <= part[0] < part[1] <= size


def file_name(header: str) -> str:
    """As a browser reads it: filename* before filename."""
    message = Message()
    message["Content-Disposition"] = header
    if match := re.search(r"filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]*)$", header):
        return httpx.QueryParams("x=" + match[1].replace("+", "%2B").replace("&", "%26"))["x"]
    name = message.get_filename()
    assert name
    return name


@given(st.text(max_size=60))
def test_any_name_is_a_file_name(name: str) -> None:
    header = disposition(name, ".mp4")
    assert re.fullmatch(r"[ -~]+", header)
    assert re.fullmatch(r'inline; filename="[A-Za-z0-9 ._()+-]+\.mp4"(; filename\*=UTF-8\'\'[!-~]+)?', header)
    shown = file_name(header)
    assert shown.endswith(".mp4")
    assert not {"/", "\\", "\r", "\n", "\0"} & set(shown)
    assert not shown.startswith(".")
    assert len(shown.encode()) < 255 * 3


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("song.wav", "song.mp4"),
        ("../../etc/passwd", "_.._etc_passwd.mp4"),
        ("v1.2", "v1.2.mp4"),
        ('a"; filename="b.exe', 'a"; filename="b.mp4'),
        ("x\r\nSet-Cookie: a=b.wav", "xSet-Cookie: a=b.mp4"),
        (".wav", "akma.mp4"),
        ("", "akma.mp4"),
        ("Björk – Jóga.flac", "Björk – Jóga.mp4"),
        ("100% + 50%.mp3", "100% + 50%.mp4"),
        ("\ud800.wav", "akma.mp4"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert file_name(disposition(name, ".mp4")) == expected
