import json
import math
import sys
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akma_core.errors import RequestError
from akma_core.settings import MAX_SEEDS, RenderSettings, parse_seeds

FIELDS = [field.alias or name for name, field in RenderSettings.model_fields.items()]
texts = st.text(st.characters()) | st.sampled_from(["", "0", "-1", "30", "nan", "inf", "1e400", "3-9", "29.97", "5M"])
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
good = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["ink", "./my network"]),
        "class": st.integers(0, 99),
        "fps": st.sampled_from([24, "29.97", 23.976, "30000/1001", "2997/100", "1.000001", 240])
        | st.fractions(1, 240, max_denominator=10**6),
        "window_length": st.integers(8, 4999).map(lambda k: 2 * k + 1),
        "polyorder": st.integers(0, 15),
        "compression": st.floats(1e-6, 1000),
        "original": st.booleans(),
        "seeds_top_num": st.integers(4, 50),
        "seeds_bottom": st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=9),
        "seed": st.integers(0, 2**32 - 1),
        "truncation_psi": st.floats(-10, 10),
        "start": st.floats(0, 1e9),
        "duration": st.floats(1e-9, 1e9),
        "crf": st.floats(1, 51),
        "bit_rate": st.sampled_from(["auto", "5M", "3500k", 10_000, None]),
        "audio_codec": st.sampled_from(["aac", "alac", "flac"]),
        "device": st.sampled_from(["auto", "cpu", "cuda", "cuda:7"]),
    },
)


def complaint(fields: dict[str, Any]) -> RequestError | None:
    try:
        RenderSettings.parse(fields)
    except RequestError as error:
        return error
    return None


def refusal(**fields: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        RenderSettings.parse(fields)
    return caught.value


@given(st.dictionaries(st.sampled_from([*FIELDS, "class_index"]) | texts, junk, max_size=5))
def test_junk_gives_settings_or_one_line(fields: dict[str, Any]) -> None:
    if error := complaint(fields):
        assert error.field is not None
        assert error.message.splitlines() == [error.message]
        assert len(error.message) < 250


@given(st.sampled_from(FIELDS), junk)
def test_junk_in_one_field_names_that_field(field: str, value: Any) -> None:
    if error := complaint({field: value}):
        assert error.field in (field, "polyorder" if field == "window_length" else field)
        assert error.message.startswith(f"{error.field} ")


@given(good)
def test_settings_survive_json(fields: dict[str, Any]) -> None:
    settings = RenderSettings.parse(fields)
    text = json.dumps(settings.model_dump(mode="json", by_alias=True))
    assert RenderSettings.parse(json.loads(text)) == settings


def test_the_defaults_are_the_contracts() -> None:
    settings = RenderSettings.parse({})
    assert settings.fps == 30
    assert (settings.window_length, settings.polyorder) == (33, 3)
    assert (settings.compression, settings.truncation_psi, settings.model) == (1, 1, "ink")
    assert (settings.seeds_top_num, settings.seeds_top, settings.seed, settings.duration) == (None, None, None, None)


@pytest.mark.parametrize(
    ("given_rate", "rate"),
    [
        (30, Fraction(30)),
        ("30", Fraction(30)),
        (" 25 ", Fraction(25)),
        (12.5, Fraction(25, 2)),
        ("29.97", Fraction(30000, 1001)),
        (29.97, Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(2398, 100)),
        ("59.94", Fraction(60000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("2997/100", Fraction(2997, 100)),
        (Fraction(2997, 100), Fraction(2997, 100)),
        ("1.000001", Fraction(1000001, 1000000)),
        ("1000001/1000000", Fraction(1000001, 1000000)),
        ("1", Fraction(1)),
        ("240", Fraction(240)),
    ],
)
def test_frame_rates(given_rate: Any, rate: Fraction) -> None:
    assert RenderSettings.parse({"fps": given_rate}).fps == rate


@pytest.mark.parametrize(
    "rate", [0, 1000, -30, "240.000001", "0.999999", "1/0", "5/٠", "٣٠", "1e2", "", None, True, math.nan, [30], "30/"]
)
def test_wrong_frame_rates(rate: Any) -> None:
    assert refusal(fps=rate).field == "fps"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("window_length", 32, "odd"),
        ("window_length", 0, "1"),
        ("window_length", "4.5", "integer"),
        ("polyorder", 16, "15"),
        ("compression", 0, "greater than 0"),
        ("compression", -1, "greater than 0"),
        ("compression", "nan", "finite"),
        ("seeds_top", "1,2,3", "at least 4 values, not 3"),
        ("seeds_top", [1, 2, 3, 2**32], "4294967295"),
        ("seeds_top", "1,2,x,4", "'x'"),
        ("seeds_bottom", "9-3", "backwards"),
        ("seeds_bottom", f"0-{MAX_SEEDS - 1},7", "at most"),
        ("seeds_top_num", 3, "4"),
        ("seed", -1, "0"),
        ("class", -1, "0"),
        ("truncation_psi", 11, "10"),
        ("start", -0.1, "0"),
        ("start", 1e308, "1000000000"),
        ("duration", 0, "greater than 0"),
        ("duration", 1e308, "1000000000"),
        ("crf", 52, "51"),
        ("crf", 0.9, "1"),
        ("bit_rate", "1k", "10000"),
        ("bit_rate", "fast", "fast"),
        ("audio_codec", "mp3", "aac"),
        ("device", "tpu", "cuda"),
        ("model", "", "at least 1"),
        ("model", "\ud800", "unicode"),
        ("bogus", 1, "unknown setting 'bogus'"),
    ],
)
def test_wrong_settings_are_named_in_one_line(field: str, value: Any, says: str) -> None:
    error = refusal(**{field: value})
    assert error.field == field
    assert says in error.message
    assert "Input" not in error.message


def test_numbers_that_python_does_not_write_out_are_refused() -> None:
    digits = sys.get_int_max_str_digits() + 1
    assert refusal(window_length=10**digits).field == "window_length"


def test_many_long_ranges_are_not_unrolled() -> None:
    ranges = ",".join(["0-99999"] * 100_000)  # 10^10 seeds
    assert "at most" in refusal(seeds_top=ranges).message


def test_what_does_not_go_together() -> None:
    assert refusal(window_length=5, polyorder=5).field == "polyorder"
    assert refusal(window_length=1).field == "polyorder"
    assert refusal(seeds_top="1-4", seeds_top_num=5).field == "seeds_top_num"
    assert refusal(seeds_bottom="1-4", seeds_bottom_num=5).field == "seeds_bottom_num"
    assert RenderSettings.parse({"seeds_top": "1-4", "seeds_top_num": 4}).seeds_top == (1, 2, 3, 4)


def test_seed_lists_as_typed() -> None:
    assert RenderSettings.parse({"seeds_top": " 3,14 15-18,\n3 "}).seeds_top == (3, 14, 15, 16, 17, 18, 3)
    assert parse_seeds("7") == [7]
    assert parse_seeds("0-2,9") == [0, 1, 2, 9]


@pytest.mark.parametrize("text", ["", "x", "1-", "-1", "5-4", "4294967296", "0-99999999", "1;2"])
def test_wrong_seed_lists(text: str) -> None:
    with pytest.raises(RequestError, match=r"^seeds ") as caught:
        parse_seeds(text)
    assert caught.value.field == "seeds"


@pytest.mark.parametrize(
    ("text", "rate"), [("5M", 5_000_000), ("3500k", 3_500_000), ("1.5M", 1_500_000), ("auto", "auto")]
)
def test_bit_rates(text: str, rate: int | str) -> None:
    assert RenderSettings.parse({"bit_rate": text}).bit_rate == rate


def test_a_curve_that_is_asked_for_is_ones_own_even_by_its_defaults() -> None:
    assert not RenderSettings.parse({}).own_curve
    given = RenderSettings.parse({"window_length": 33})
    assert given.own_curve
    for settings in (RenderSettings.parse({}), given):
        again = RenderSettings.model_validate_json(settings.model_dump_json(by_alias=True))
        assert again == settings
