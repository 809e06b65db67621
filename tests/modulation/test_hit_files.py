"""Files of hits: what is written is read again; markers stand at the hit's frame."""

import xml.etree.ElementTree as ET
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from akma_core.errors import RequestError
from akma_core.modulation.edited_hits import Hit
from akma_core.modulation.hit_export import timecode, write_hits
from akma_core.modulation.hit_files import read_hits

HITS = [Hit(time=0.5, strength=0.75, drum="kick"), Hit(time=12.25, strength=1.0)]
DRUMS = st.sampled_from(["kick", "snare", "tom", "hat", "cymbal", None])
EXACT = st.builds(
    lambda time, strength, drum: Hit(time=time / 1000, strength=strength / 1000, drum=drum),
    st.integers(0, 10_000_000), st.integers(0, 1000), DRUMS,
)  # fmt: skip


@pytest.mark.parametrize("suffix", [".csv", ".json"])
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hits=st.lists(EXACT, min_size=1, max_size=20))
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str, hits: list[Hit]) -> None:
    path = tmp_path / f"hits{suffix}"
    path.write_bytes(write_hits(suffix, hits, Fraction(30), "song", 1.0))
    assert read_hits(path) == tuple(sorted(hits, key=lambda hit: hit.time))


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("1\n2.5\n", [1, 2.5]),
        ("time,strength\n2,0.5\n1,1\n", [1, 2]),
        ("1.5\t1.6\tkick\n", [1.5]),
        ("[3, 1]", [1, 3]),
        ('{"events": [[1, 0.5]]}', [1]),
        ('{"hits": []}', []),
    ],
)
def test_lists_of_other_programs(tmp_path: Path, text: str, times: list[float]) -> None:
    (tmp_path / "h.txt").write_text(text)
    assert [hit.time for hit in read_hits(tmp_path / "h.txt")] == times


@pytest.mark.parametrize(
    "text",
    ["", "x", "time,drum\n1,bongo\n", "time,drum\nx,kick\n", "time,drum\n1\n2,kick,3\n", "time,value\n0,1\n1,2\n", "[",
     "{}", "[[1]]", '{"hits": 1}', "[1e999]", "time,drum\n-1,kick\n", "time,strength,drum\nnan,1,kick\n", "[" * 3000],
)  # fmt: skip
def test_files_that_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "h.csv").write_text(text)
    with pytest.raises(RequestError) as caught:
        read_hits(tmp_path / "h.csv")
    assert caught.value.field == "hits"
    assert caught.value.message.startswith("h.csv")
    assert "\n" not in caught.value.message


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_any_bytes_are_hits_or_a_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "h.csv").write_bytes(data)
    try:
        read_hits(tmp_path / "h.csv")
    except RequestError as error:
        message = error.message
    else:
        message = ""
    assert "\n" not in message


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"no\.csv cannot be read"):
        read_hits(tmp_path / "no.csv")


def test_edl() -> None:
    lines = write_hits(".edl", HITS, Fraction(25), "a\nsong", 20.0).decode().split("\r\n")
    assert lines[:2] == ["TITLE: asong", "FCM: NON-DROP FRAME"]
    assert lines[3].split() == ["001", "001", "V", "C", *["01:00:00:12", "01:00:00:13"] * 2]
    assert lines[4] == " |C:ResolveColorRed |M:kick 0.75 |D:1"
    assert lines[6].split()[4] == "01:00:12:06"


def test_fcpxml() -> None:
    fps = Fraction(30000, 1001)
    root = ET.fromstring(write_hits(".fcpxml", HITS, fps, '<&"song">', 20.0))
    project = root.find("library/event/project")
    assert project is not None
    assert project.get("name") == '<&"song">'
    markers = root.findall(".//marker")
    assert [marker.get("value") for marker in markers] == ["kick 0.75", "hit 1.00"]
    for marker, hit in zip(markers, HITS, strict=True):
        start = Fraction(str(marker.get("start")).removesuffix("s"))
        assert abs(start - Fraction(hit.time)) <= 1 / fps / 2
        assert (start * fps).denominator == 1
    assert root.find(".//format").get("frameDuration") == "1001/30000s"  # type: ignore[union-attr]


def test_timecodes_of_ntsc_count_30_frames() -> None:
    assert timecode(0, Fraction(30000, 1001)) == "01:00:00:00"
    assert timecode(30 * 61 + 29, Fraction(30000, 1001)) == "01:01:01:29"


def test_another_suffix() -> None:
    with pytest.raises(RequestError, match=r"use \.csv, \.json, \.edl, \.fcpxml"):
        write_hits(".mid", HITS, Fraction(25), "song", 1.0)
