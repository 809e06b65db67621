"""Curves as a setting: every form of them, and every wrong one in one line."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akma_core.errors import RequestError
from akma_core.modulation.own_curves import MAX_CURVES, MAX_POINTS
from akma_core.settings import RenderSettings

TIMES = st.lists(st.floats(0, 86_400, allow_subnormal=False), min_size=1, max_size=20, unique=True).map(sorted)


def parsed(curves: Any) -> RenderSettings:
    return RenderSettings.parse({"curves": curves})


@pytest.mark.parametrize(
    ("value", "kind", "rows"),
    [
        ([2, [1, 0.5]], "events", ((1.0, 0.5), (2.0, 1.0))),
        ({"events": [0.5]}, "events", ((0.5, 1.0),)),
        ({"fps": 2, "curve": [0, 1]}, "curve", ((0.0, 0.0), (0.5, 1.0))),
        ({"values": [[0, -1], [0.25, 3]]}, "curve", ((0.0, -1.0), (0.25, 3.0))),
        ("\ufefftime,value\n0,1\n2,0\n", "curve", ((0.0, 1.0), (2.0, 0.0))),
        ("0.5\t0.5\tkick\n", "events", ((0.5, 1.0),)),
        ('{"events": [1]}', "events", ((1.0, 1.0),)),
    ],
)
def test_forms(value: Any, kind: str, rows: tuple[Any, ...]) -> None:
    found = parsed({"light": value}).curves["light"]
    assert (found.kind, found.rows) == (kind, rows)
    assert found.file.rows.dtype == np.float64


@given(TIMES, st.booleans(), st.data())
def test_settings_come_back_from_json_as_they_were(times: list[float], events: bool, data: st.DataObject) -> None:
    amounts = st.floats(0, 1) if events else st.floats(-1e6, 1e6)
    rows = [[time, data.draw(amounts)] for time in times]
    made = parsed({"a": {"events" if events else "values": rows}})
    assert RenderSettings.model_validate_json(made.model_dump_json(by_alias=True)) == made
    assert made.curves["a"].rows == tuple(map(tuple, rows))


def test_settings_without_curves_are_written_as_before() -> None:
    assert "curves" not in RenderSettings.parse({}).model_dump_json()
    digests = {parsed({"a": value}).curves["a"].digest for value in ([1], [[1, 0.5]], {"values": [[1, 1]]})}
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{", "should be a JSON object"),
        ([1], "should be up to 8 curves by name"),
        ({str(k): [1] for k in range(MAX_CURVES + 1)}, "should be up to 8 curves by name"),
        ({"a b": [1]}, "has a name of other characters than letters"),
        ({"": [1]}, "has a name of other characters"),
        ({"a": []}, "a: holds no rows"),
        ({"a": ""}, "a: is empty"),
        ({"a": "time,value\n1,2\n1,3"}, "a, line 3: time 1 does not come after 1"),
        ({"a": {"values": [[1, 2], [0, 3]]}}, "a: time 0 does not come after 1"),
        ({"a": {"values": [1]}}, "a: value 1 must be [time, value]"),
        ({"a": {"values": 7}}, '"values" must be a list'),
        ({"a": [float("nan")]}, "time of event 1 must be 0 to 86400"),
        ({"a": [[1, 2]]}, "strength of event 1 must be 0 to 1, not 2"),
        ({"a": 7}, "JSON must be a list of times"),
        ({"a": list(range(MAX_POINTS)), "b": [1]}, "b has too many rows"),
        ({"a": "x" * (5 << 20)}, "a is longer than 4 MB"),
    ],
)
def test_wrong_ones_are_one_line(value: Any, words: str) -> None:
    with pytest.raises(RequestError) as caught:
        parsed(value)
    assert words in caught.value.message
    assert caught.value.message.startswith("curves ")
    assert "\n" not in caught.value.message
    assert (caught.value.code, caught.value.field) == ("bad_setting", "curves")
