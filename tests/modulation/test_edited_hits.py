"""Hits as a setting, in every form they come in."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from akma_core.errors import RequestError
from akma_core.modulation.edited_hits import MAX_HITS, Hit, Hits, events_of, named_hits, plain
from akma_core.settings import RenderSettings

HITS: TypeAdapter[tuple[Hit, ...]] = TypeAdapter(Hits)
DRUMS = st.sampled_from(["kick", "snare", "tom", "hat", "cymbal", None])
ANY = st.lists(
    st.builds(Hit, time=st.floats(0, 86_400), strength=st.floats(0, 1), drum=DRUMS), max_size=40
)  # fmt: skip


@given(hits=ANY)
def test_they_come_back_as_they_were_in_order(hits: list[Hit]) -> None:
    settings = RenderSettings.parse({"hits": plain(hits)})
    assert settings.hits == tuple(sorted(hits, key=lambda hit: hit.time))
    text = json.dumps(settings.model_dump(mode="json", by_alias=True)["hits"])
    assert RenderSettings.parse({"hits": text}) == settings
    assert RenderSettings.model_validate_json(settings.model_dump_json(by_alias=True)) == settings


def test_short_forms() -> None:
    assert HITS.validate_python([2, [1, 0.5], {"time": 0.5, "drum": "kick"}]) == (
        Hit(time=0.5, drum="kick"), Hit(time=1, strength=0.5), Hit(time=2),
    )  # fmt: skip
    assert RenderSettings.parse({}).hits is None
    assert RenderSettings.parse({"hits": "[]"}).hits == ()


@pytest.mark.parametrize(
    "wrong",
    [
        math.nan,
        math.inf,
        -1,
        1e9,
        True,
        "1",
        None,
        [1],
        [1, 2],
        [1, math.nan],
        {"time": 1, "drum": "x"},
        {"strength": 1},
    ],
    ids=str,
)
def test_hits_that_are_none(wrong: object) -> None:
    with pytest.raises(RequestError) as caught:
        RenderSettings.parse({"hits": [0.5, wrong]})
    assert (caught.value.code, caught.value.field) == ("bad_setting", "hits")
    assert "\n" not in caught.value.message
    assert "(2)" in caught.value.message


def test_too_many() -> None:
    assert len(RenderSettings.parse({"hits": [1] * MAX_HITS}).hits or ()) == MAX_HITS
    with pytest.raises(RequestError, match="at most 50000 hits"):
        RenderSettings.parse({"hits": [1] * (MAX_HITS + 1)})


def told(hits: list[Hit], feature: str) -> list[list[float]]:
    events = events_of(hits, feature)
    assert events is not None
    assert events.shape == (len(events), 2)
    found: list[list[float]] = events.tolist()
    return found


def test_which_features_they_stand_for() -> None:
    plain_hits = [Hit(time=1), Hit(time=2, strength=0.5)]
    assert told(plain_hits, "hit") == [[1, 1], [2, 0.5]]
    assert events_of(plain_hits, "kick") is None  # nobody said which is which
    named = [*plain_hits, Hit(time=3, drum="kick")]
    assert told(named, "kick") == [[3, 1]]
    assert told(named, "snare") == []
    assert events_of(named, "hat") is None
    assert told([*named, Hit(time=4, drum="hat")], "hat") == [[4, 1]]
    assert events_of(named, "onset") is None
    assert told([], "hit") == []


def test_found_hits_have_the_drum_that_is_nearest() -> None:
    hits = np.array([[1.0, 0.9], [2.0, 1.5], [3.0, 0.2]])
    drums = {"kick": np.array([[1.02, 1.0], [2.04, 1.0]]), "snare": np.array([[2.01, 1.0]]), "tom": np.zeros((0, 2))}
    assert named_hits(hits, drums) == [
        Hit(time=1.0, strength=0.9, drum="kick"), Hit(time=2.0, strength=1.0, drum="snare"),
        Hit(time=3.0, strength=0.2),
    ]  # fmt: skip
