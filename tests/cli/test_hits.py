"""`akma hits`, and hits of one's own in a render."""

import json
from pathlib import Path

import pytest

from tests.support.command import Akma


@pytest.mark.parametrize("suffix", ["csv", "json", "edl", "fcpxml"])
def test_hits_are_written_and_taken_again(akma: Akma, song: Path, out: Path, suffix: str) -> None:
    drawn = out / "drawn.json"
    drawn.write_text('[{"time": 0.5, "strength": 0.75, "drum": "kick"}]')
    file = out / f"hits.{suffix}"
    done = akma("hits", song, "-o", file, "--hits", drawn, "--fps", 25)
    assert (done.code, done.out) == (0, f"{file}  1 hits\n"), done.err
    mark = {"csv": "0.5,0.75,kick", "json": '"drum": "kick"', "edl": "01:00:00:12", "fcpxml": 'start="12/25s"'}[suffix]
    assert mark in file.read_text()
    if suffix in ("csv", "json"):
        assert akma("hits", song, "-o", out / "again.csv", "--hits", file).code == 0
        assert (out / "again.csv").read_text() == "time,strength,drum\n0.5,0.75,kick\n"


def test_what_cannot_be_is_told_in_a_line(akma: Akma, song: Path, out: Path) -> None:
    assert akma("hits", song, "-o", out / "found.csv").code == 0
    assert "use .csv, .json, .edl, .fcpxml" in akma("hits", song, "-o", out / "x.mid").complaint
    (out / "late.csv").write_text("time\n99\n")
    complaint = akma("hits", song, "-o", out / "x.csv", "--hits", out / "late.csv").complaint
    assert "99 s is beyond the end of the song (3.000 seconds)" in complaint
    assert "no.csv cannot be read" in akma("hits", song, "-o", out / "x.csv", "--hits", out / "no.csv").complaint


def test_a_render_moves_with_hits_of_ones_own(akma: Akma, song: Path, network: Path, out: Path) -> None:
    fast = ("--model", network, "--fps", 12, "--size", "32x32", "--device", "cpu", "--preset", "pulse")
    plans = {}
    for name, text in {"a": "time,strength\n1,1\n", "b": "time,strength\n2,1\n"}.items():
        (out / f"{name}.csv").write_text(text)
        done = akma("render", song, "-o", out / f"{name}.mp4", *fast, "--hits", out / f"{name}.csv")
        assert done.code == 0, done.err
        plans[name] = json.loads((out / f"{name}.json").read_text())
    assert plans["a"]["plan"]["modulation"]["hits"] == [{"time": 1.0, "strength": 1.0}]
    assert plans["a"]["digest"] != plans["b"]["digest"]
    assert (out / "a.mp4").read_bytes() != (out / "b.mp4").read_bytes()
    again = akma("render", "--manifest", out / "a.json", song, "-o", out / "c.mp4")
    assert again.code == 0, again.err
    assert (out / "c.mp4").read_bytes() == (out / "a.mp4").read_bytes()
