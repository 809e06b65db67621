"""One line an event, whatever is in it, from any number of threads."""

import io
import json
import re
import sys
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from akma_core import log


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_fixed", {})
    monkeypatch.setattr(log, "_as_json", True)


def test_json_has_what_happened_when_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("json", node="vm-1", process="worker-0")
    log.event("render_done", "warning", render="r1", seconds=1.5, nothing=None)
    written = json.loads(capsys.readouterr().out)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", written.pop("time"))
    fixed = {"node": "vm-1", "process": "worker-0"}
    assert written == {
        "level": "warning",
        "logger": "akma",
        "message": "render_done",
        **fixed,
        "render": "r1",
        "seconds": 1.5,
    }


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("text", node="vm-1")
    log.event("render_done", render="r1")
    assert capsys.readouterr().out.split(" ", 1)[1] == "info akma render_done node=vm-1 render=r1\n"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(), max_size=20), st.sampled_from(["json", "text"]))
def test_nothing_breaks_a_line(monkeypatch: pytest.MonkeyPatch, value: str, style: str) -> None:
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", written)
    log.configure(style)
    log.event("upload", song=f"{value}\ud800\r\nlevel=error\x1b[2J\u2028", error=ValueError(value))
    written.flush()
    assert isinstance(written.buffer, io.BytesIO)
    text = written.buffer.getvalue().decode()
    assert len(text.splitlines()) == 1
    assert "\x1b" not in text
    if style == "json":
        assert json.loads(text)["message"] == "upload"


def test_long_values_are_cut_and_secrets_are_stars(capsys: pytest.CaptureFixture[str]) -> None:
    log.event("setting", key=SecretStr("hunter2secret"), song="x" * 9999)
    line = capsys.readouterr().out
    assert "hunter2" not in line
    assert len(json.loads(line)["song"]) == log.MAX_TEXT


def test_lines_of_threads_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    def write(number: int) -> None:
        for k in range(50):
            log.event("step", thread=number, k=k)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted((line["thread"], line["k"]) for line in lines) == [(n, k) for n in range(6) for k in range(50)]


class Full(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")


def test_work_goes_on_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    log.event("step")
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    log.event("step")
