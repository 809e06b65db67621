from typing import Any

import pytest

from akma_core.errors import RequestError
from akma_core.modulation.grammar import line_of, parse_line, parse_rows
from akma_core.modulation.rows import MAX_ROWS


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("kick -> pull decay=-1", "decay must be greater than 0, not -1"),
        ("kick -> pull 2", "amount must be 0 to 1 of the way for pull"),
        ("kick -> foo", "unknown target 'foo': give walk.blend, walk.top"),
        ("kikc -> pull", "unknown feature 'kikc': give loudness, low"),
        ("loudness -> pull", "pull takes events such as hit or kick, and loudness is a curve"),
        ("loudness -> walk.blend decay=1", "decay goes with events such as hit or kick, not with loudness"),
        ("kick -> pull power=2", "power goes with a curve such as loudness, not with kick"),
        ("kick -> pull decay=x", "decay must be a valid number, not 'x'"),
        ("kick -> pull colour=3", "unknown key 'colour'"),
        ("kick -> pull shape=3", "unknown key 'shape'"),
        ("kick -> pull 0.3 0.4", "'0.4' is neither an amount nor key=value"),
        ("kick -> pull decay=1 decay=2", "decay is there twice"),
        ("kick -> pull:croase", "rows must be all, coarse, middle, fine"),
        ("kick -> pull:5,2", "rows must be first and last, not 5 and 2"),
        ("kick -> camera.x:coarse", "rows goes with pull, direction and mix"),
        ("loudness -> walk.blend window=98", "window must be odd, not 98"),
        ("loudness -> walk.blend window=3", "polyorder must be smaller than window (3)"),
        ("loudness -> walk.blend polyorder=2", "polyorder goes with window"),
        ("loudness -> walk.blend percentile=98,5", "percentile must rise within 0 to 100"),
        ("loudness -> psi range=2,1", "range must rise, not 2 to 1"),
        ("loudness -> direction 1", "direction goes with target direction, and it needs one"),
        ("loudness -> direction:pca:65", "direction must match"),
        ("loudness -> direction:walks raw range=-1,1", "raw goes with a direction from a .npy file"),
        ("loudness -> direction:d.npy raw", "raw needs range"),
        ("hit -> camera.x speed", "speed goes with a curve such as loudness, not with hit"),
        ("loudness -> camera.x golden", "golden goes with events"),
        ("hit -> camera.angle golden", "golden goes with camera.x and camera.y"),
        ("loudness -> psi beats_per_seed=4", "beats_per_seed goes with walk.top and walk.bottom"),
        ("loudness -> walk.top 1 beats_per_seed=4", "beats_per_seed goes in place of amount"),
        ("loudness -> class 1", "class goes with target class"),
        ("low -> walk.blend band=20,90", "band goes with loudness"),
        ("loudness -> walk.blend band=90,20", "band must rise"),
        ("hit -> walk.step decay=1", "decay does not go with walk.step"),
        ("hit -> pull settle=1", "settle goes with walk.step"),
        ("hit -> pull range=0,1", "range does not go with pull"),
        ("hit -> psi offset=1", "offset goes with a curve"),
        ("kick -> pull attack=0.5", "attack must be whole frames for events"),
        ("loudness -> walk.top window=true", "window must be a valid integer, not True"),
        ("kick -> pull 1e99", "amount must be less than or equal to 1000"),
    ],
)
def test_a_bad_row_is_one_line_that_names_it(line: str, complaint: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_rows(["hit -> pull", line])
    feature, target = line.split()[0], line.split()[2].split(":")[0]
    assert caught.value.message.startswith(f"modulation row 2 ({feature} -> {target}): {complaint}")
    assert "\n" not in caught.value.message
    assert (caught.value.code, caught.value.field) == ("bad_modulation", "modulation")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("rubbish", "modulation row 1 (rubbish): must be FEATURE -> TARGET"),
        ("kick -> pull " + "x" * 1000, "modulation row 1 (kick -> pull xxx"),
        ([{"feature": "kick"}], "modulation row 1 (kick -> ?): target is missing"),
        ([{"feature": 3, "target": "pull"}], "modulation row 1 (3 -> pull): feature must be a valid string"),
        ([{"feature": "kick", "target": "pull", "amount": True}], "modulation row 1 (kick -> pull): amount must be"),
        ([{"feature": "kick", "target": "pull", "amount": "1"}], "modulation row 1 (kick -> pull): amount must be"),
        ([{"feature": "kick", "target": "pull", "amount": float("nan")}], "modulation row 1 (kick -> pull): amount"),
        ([{"feature": "kick", "target": "pull", "shape": 3}], "modulation row 1 (kick -> pull): shape must be"),
        (
            [{"feature": "kick", "target": "pull", "shape": {"x": 1}}],
            "modulation row 1 (kick -> pull): unknown key 'x'",
        ),
        ([{"feature": "kick", "target": "pull", "rows": [1, 2, 3]}], "modulation row 1 (kick -> pull): rows must be"),
        ([3], "modulation row 1: must be a table"),
        ("[{", "modulation is not JSON"),
        ("[" * 100_000, "modulation is not JSON"),
        (3, "modulation must be a list of at most 64 rows"),
        (["hit -> pull"] * (MAX_ROWS + 1), "modulation must be a list of at most 64 rows"),
    ],
)
def test_what_is_no_row_at_all(value: Any, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_rows(value)
    assert caught.value.message.startswith(message)
    assert len(caught.value.message) < 400


def test_the_three_ways_in_are_one_row() -> None:
    line = parse_line("kick -> pull:coarse 0.4 decay=0.25", 1)
    table = parse_rows(
        [{"feature": "kick", "target": "pull", "rows": "coarse", "amount": 0.4, "shape": {"decay": 0.25}}]
    )
    text = '[{"feature": "kick", "target": "pull", "rows": "coarse", "amount": 0.4, "shape": {"decay": 0.25}}]'
    assert (line,) == table == parse_rows(text) == parse_rows("\n" + line_of(line) + "\n")


def test_a_range_alone_is_swept() -> None:
    assert parse_line("loudness -> psi range=-1,1", 1).sweep == (-1.0, 2.0)
    assert parse_line("loudness -> psi 2 range=0..2", 1).sweep == (0.0, 2.0)
    assert parse_line("hit -> psi range=0,2", 1).weight == 1.0
