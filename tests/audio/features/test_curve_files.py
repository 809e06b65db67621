"""Curve files: what tools export is read, what is wrong is told in one line with its place."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.audio.features.curve_files import read_curve_file
from akma_core.errors import RequestError


@pytest.mark.parametrize(
    ("name", "text", "kind", "rows"),
    [
        ("audacity.txt", "0.5\t0.5\tkick\n1.25\t2.0\tsnare\n", "events", [[0.5, 1], [1.25, 1]]),
        ("ranges.txt", "0.5\t0.6\tx\n\\\t100.0\t200.0\n1\t1.5\t\n", "events", [[0.5, 1], [1, 1]]),
        ("times.csv", "time\n2\n1\n", "events", [[1, 1], [2, 1]]),
        ("strengths.csv", "time,strength\n0,0.25\n1e0,1\n", "events", [[0, 0.25], [1, 1]]),
        ("semicolons.csv", "Time;Value\n0;-3\n1;4\n", "curve", [[0, -3], [1, 4]]),
        ("akma.csv", "frame,second,curve\n0,0.000000,0.5\n1,0.033333,0.25\n", "curve", [[0, 0.5], [0.033333, 0.25]]),
        ("instants.csv", '0.52,New Point\n1.04,"a, b"\n', "events", [[0.52, 1], [1.04, 1]]),
        ("values.csv", "\ufeff0.0,220.5\r\n0.1,221\r\n", "curve", [[0, 220.5], [0.1, 221]]),
        ("bare.csv", "# beats\n1\n\n2\n", "events", [[1, 1], [2, 1]]),
        ("list.json", "[0.5, 1]", "events", [[0.5, 1], [1, 1]]),
        ("pairs.json", '{"events": [[1, 0.5], [0, 1]]}', "events", [[0, 1], [1, 0.5]]),
        ("curve.json", '{"fps": "2", "curve": [0, 1, 0.5]}', "curve", [[0, 0], [0.5, 1], [1, 0.5]]),
    ],
)
def test_reads(tmp_path: Path, name: str, text: str, kind: str, rows: list[list[float]]) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    found = read_curve_file(path)
    assert found.kind == kind
    assert found.rows.dtype == np.float64
    assert found.rows.tolist() == rows


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"time,strength\n1,0.5\n2,1.5\n", "line 3: strength or value must be 0 to 1, not 1.5"),
        (b"time,strength\n1,loud\n", "line 2: strength or value must be a number, not 'loud'"),
        (b"time,value\n1,2\n1,3\n", "line 3: time 1 does not come after 1"),
        (b"time,value\n-1,2\n", "line 2: time must be 0 to 86400, not -1"),
        (b"time,value\nnan,2\n", "line 2: time must be 0 to 86400, not nan"),
        (b"time,value\n1\n", "line 2: has 1 columns, 2 are needed"),
        (b"time,colour\n1,2\n", "line 1: unknown column 'colour'"),
        (b"beat,strength\n1,2\n", "line 1: the header has no column 'time'"),
        (b"time,value\n", "holds no rows"),
        (b"1\n\xff\n", "line 2: is not UTF-8"),
        (b"[1,\n2,]", "line 2: is not JSON"),
        (b"[[1, 2, 3]]", "event 1 must be"),
        (b"[true]", "time of event 1 must be a number"),
        (b"[1e999]", "time of event 1 must be 0 to 86400"),
        (b'{"beats": []}', "JSON must be"),
        (b'{"curve": [1]}', '"fps" must be a number'),
        (b'{"fps": 0, "curve": [1]}', '"fps" must be 0.01 to 1000'),
        (b'{"fps": 30, "curve": []}', '"curve" must be a list of 1'),
        (b"[" * 100_000, "not JSON"),
        (b"[" + b"9" * 10_000 + b"]", "not JSON"),
    ],
)
def test_refuses_in_one_line(tmp_path: Path, text: bytes, says: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(text)
    with pytest.raises(RequestError) as caught:
        read_curve_file(path)
    assert caught.value.message.startswith("mine.csv")
    assert says in caught.value.message
    assert caught.value.field == "curve"
    assert len(caught.value.message) < 200


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"none\.csv: cannot be read"):
        read_curve_file(tmp_path / "none.csv")


@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_rows_or_one_line(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    with contextlib.suppress(RequestError):  # whose message is one line by its own test
        found = read_curve_file(path)
        assert np.isfinite(found.rows).all()
        assert (np.diff(found.rows[:, 0]) >= 0).all()


def test_a_curve_is_linear_between_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("time,value\n0.1,0\n0.3,1\n")
    column = read_curve_file(path).column(0.5)
    assert column.dtype == np.float32
    assert column[[0, 10, 20, 30, 49]] == pytest.approx([0, 0, 0.5, 1, 1])
