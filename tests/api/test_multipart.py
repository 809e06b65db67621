"""The form by itself: any bytes, any cut, any name, any JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from akma_core.api import upload
from akma_core.api.multipart import FormParser, Limits
from akma_core.api.upload import Received, fields_of
from akma_core.errors import RequestError
from tests.support.web import END, FORM, SONG, part

NAMES = {
    "../../etc/passwd": ("passwd", ""),
    "/etc/cron.d/evil.wav": ("evil.wav", ".wav"),
    "C:\\Music\\song.mp3": ("song.mp3", ".mp3"),
    "..": ("audio", ""),
    "a/..": ("audio", ""),
    "/": ("audio", ""),
    "": ("audio", ""),
    "song.wav.exe": ("song.wav.exe", ""),
    "song.WAV": ("song.WAV", ".wav"),
    "wav": ("wav", ""),
    "a\u202egpj.wav": ("agpj.wav", ".wav"),
    "a\0\x07b.ogg": ("ab.ogg", ".ogg"),
    "Füße 東.flac": ("Füße 東.flac", ".flac"),
    "x" * 300 + ".wav": ("x" * 200, ".wav"),
    "a./b": ("b", ""),
    "a.../../wav/..": ("audio", ""),
}


def new_form() -> FormParser:
    return FormParser(Headers({"content-type": FORM}), "audio", Limits(form_bytes=20_000))


def form_of(name: bytes) -> FormParser:
    form = new_form()
    form.feed(SONG.replace(b"song.wav", name) + END)
    form.check_whole()
    return form


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    form = form_of(name.encode().replace(b"\\", b"\\\\"))
    shown, suffix = NAMES[name]
    assert (upload._shown(form.file_name or "") or "audio") == shown
    assert upload._suffix(form.file_name or "", upload.SUFFIXES) == suffix


@given(st.text(max_size=300))
def test_no_name_becomes_a_path(name: str) -> None:
    shown, suffix = upload._shown(name), upload._suffix(name, upload.SUFFIXES)
    assert "/" not in shown
    assert "\\" not in shown
    assert shown.isprintable()
    assert len(shown) <= 200
    assert shown not in {".", ".."}
    assert suffix == "" or suffix[1:] in upload.SUFFIXES


def assert_done_or_refused(call: Callable[[], Any]) -> Any:
    """What it returns; None where it is refused in one line."""
    try:
        return call()
    except RequestError as caught:
        error = caught
    assert error.code in {"bad_body", "bad_setting", "too_large", "incomplete_upload"}
    assert error.message
    assert "\n" not in error.message
    return None


PIECES = [b"--XX", b"--", b"\r\n", b"\r\n\r\n", b"Content-Disposition: form-data", b'; name="a"', b'; name="audio"']
PIECES += [
    b'; filename="a.wav"',
    b":",
    b";",
    b'"',
    b"\\",
    b"\xff",
    b"\0",
    b"abc",
    b"\r",
    b"\n",
    part("b", b"2"),
    SONG,
    END,
]


@given(st.binary(max_size=400) | st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join), st.integers(1, 50))
def test_any_bytes_are_a_form_or_one_line(data: bytes, step: int) -> None:
    """However they are cut."""
    form = new_form()
    body = b"--XX\r\n" + data

    def feed() -> None:
        for start in range(0, len(body), step):
            form.feed(body[start : start + step])
        form.check_whole()

    assert_done_or_refused(feed)


@given(st.binary(min_size=1, max_size=300).filter(lambda data: b"\r\n--XX" not in b"\r\n" + data), st.integers(1, 40))
def test_file_survives_any_cut(data: bytes, step: int) -> None:
    form = new_form()
    body = part("audio", data, "a.wav") + END
    taken = bytearray()
    for start in range(0, len(body), step):
        form.feed(body[start : start + step])
        taken += form.take()
    form.check_whole()
    assert bytes(taken) == data


def received(**fields: str) -> Received:
    return Received(Path("nowhere"), "a.wav", 1, "", fields)


def test_settings_as_json() -> None:
    assert fields_of(received(fps="30")) == {"fps": "30"}
    text = '{"fps": 25, "seeds_top": [1, 2, 3, 4], "original": true}'
    both = fields_of(received(settings=text, model="ink"))
    assert both == {"fps": 25, "seeds_top": [1, 2, 3, 4], "original": True, "model": "ink"}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[1]", "object"),
        ("null", "object"),
        ('"fps"', "object"),
        ("{", "JSON"),
        ('{"fps": NaN}', "NaN"),
        ('{"fps": -Infinity}', "Infinity"),
        ('{"fps": 1, "fps": 2}', "twice"),
        ('{"fps": ' + "9" * 5000 + "}", "JSON"),
        ("[" * 100_000, "deeply"),
        ('{"a":' * 100_000, "deeply"),
        ('{"a":' * 9 + "1" + "}" * 9, "deeply"),
        ('{"model": "\\ud800"}', "character"),
        ('{"\\udfff": 1}', "character"),
        ('{"model": ["a\\u0000"]}', "character"),
    ],
)
def test_settings_that_are_none(text: str, word: str) -> None:
    with pytest.raises(RequestError, match=word) as caught:
        fields_of(received(settings=text))
    assert (caught.value.code, caught.value.field) == ("bad_setting", "settings")
    assert len(caught.value.message) < 250


def test_a_setting_given_twice() -> None:
    with pytest.raises(RequestError, match="fps is given twice"):
        fields_of(received(settings='{"fps": 25}', fps="30"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON, max_size=5) | JSON, st.booleans())
def test_any_json_is_taken_as_it_is_or_refused(value: Any, ascii_only: bool) -> None:
    form = received(settings=json.dumps(value, ensure_ascii=ascii_only))
    if fields := assert_done_or_refused(lambda: fields_of(form)):
        assert fields == value
        json.dumps(fields, ensure_ascii=False).encode()


@given(st.text(max_size=60))
def test_any_text_is_settings_or_one_line(text: str) -> None:
    assert_done_or_refused(lambda: fields_of(received(settings=text)))


CASES = Path(__file__).parents[1] / "golden" / "cases"


def case(name: str) -> FormParser:
    form = FormParser(Headers({"content-type": "multipart/form-data; boundary=B"}), "audio", Limits())
    form.feed((CASES / name).read_bytes())
    form.check_whole()
    return form


def test_forms_as_clients_send_them() -> None:
    assert case("form-filename-star.bin").file_name == "café.wav"
    nameless = case("form-no-filename.bin")
    assert nameless.file_name == ""
    assert bytes(nameless.take()[:4]) == b"RIFF"
    blob = case("form-json-blob.bin")
    assert fields_of(received(**blob.fields))["fps"] == 24


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("filename*=UTF-8''na%C3%AFve%20%E2%82%AC.wav", "naïve €.wav"),
        ("filename*=iso-8859-1'en'%A3.wav", "£.wav"),
        ("filename=\"plain.wav\"; filename*=utf-8''caf%C3%A9.wav", "café.wav"),
        ("filename*=utf-8''caf%C3%A9.wav; filename=\"plain.wav\"", "café.wav"),
        ("filename=\"a; filename*=utf-8''b.wav\"", "a; filename*=utf-8''b.wav"),
        ("filename*=klingon''a.wav; filename=\"plain.wav\"", "plain.wav"),
        ("filename*=utf-8''%FF%FE.wav", "\ufffd\ufffd.wav"),
        ("filename*=utf-8''..%2F..%2Fetc%2Fpasswd", "../../etc/passwd"),
    ],
)
def test_extended_names(header: str, name: str) -> None:
    form = new_form()
    form.feed(SONG.replace(b'filename="song.wav"', header.encode()) + END)
    form.check_whole()
    assert form.file_name == name


@pytest.mark.parametrize("kind", [b"application/octet-stream", b"audio/wav", b"video/mp4"])
def test_a_file_without_a_name(kind: bytes) -> None:
    form = new_form()
    form.feed(SONG.replace(b'; filename="song.wav"', b"\r\nContent-Type: " + kind) + END)
    form.check_whole()
    assert (form.file_name, bytes(form.take())) == ("", b"RIFF....")


@pytest.mark.parametrize(
    "head", [b"\r\nContent-Type: application/json", b'; filename="blob"\r\nContent-Type: application/json',
             b'; filename="blob"\r\nContent-Type: text/plain;charset=utf-8', b""]
)  # fmt: skip
def test_settings_as_a_part_of_their_own(head: bytes) -> None:
    form = new_form()
    form.feed(part("settings", b'{"fps": 24}').replace(b'"settings"', b'"settings"' + head) + SONG + END)
    form.check_whole()
    assert fields_of(received(**form.fields)) == {"fps": 24}
