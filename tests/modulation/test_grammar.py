from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from akma_core.errors import RequestError
from akma_core.modulation.features import FEATURES
from akma_core.modulation.grammar import line_of, parse_line, parse_rows
from akma_core.modulation.rows import Row, Shape
from akma_core.modulation.targets import TARGETS

number = st.floats(-1000, 1000, allow_nan=False).map(lambda x: round(x, 6))
positive = st.floats(0.001, 60).map(lambda x: round(x, 6))
values: dict[str, st.SearchStrategy[Any]] = {
    "source": st.sampled_from(["mix", "drums", "bass-2.l"]),
    "rows": st.one_of(
        st.sampled_from(["all", "coarse", "fine+middle"]), st.tuples(st.integers(0, 9), st.integers(0, 9))
    ),
    "amount": number,
    "offset": number,
    "range": st.tuples(number, number),
    "direction": st.sampled_from(["walks", "pca:7", "a/b-c.npy"]),
    "band": st.tuples(positive, positive),
    "raw": st.booleans(),
    "speed": st.booleans(),
    "golden": st.booleans(),
    "beats_per_seed": positive,
    "class": st.integers(0, 9),
}
shapes: dict[str, st.SearchStrategy[Any]] = {
    "percentile": st.tuples(st.floats(0, 50), st.floats(51, 100)),
    "compression": positive,
    "window": st.integers(2, 500).map(lambda k: 2 * k + 1),
    "attack": st.integers(0, 9),
    "release": positive,
    "delay": st.floats(-60, 60),
    "invert": st.booleans(),
    "power": positive,
    "gain": number,
    "decay": positive,
    "settle": positive,
    "rate": positive,
    "gap": positive,
    "floor": st.floats(0, 1),
    "loudness": positive,
}


@st.composite
def rows(draw: st.DrawFn) -> Row:
    fields: dict[str, Any] = {
        "feature": draw(st.sampled_from([*FEATURES, "chroma:7", "file:my-curve"])),
        "target": draw(st.sampled_from(list(TARGETS))),
    }
    for kind, into in ((values, fields), (shapes, fields.setdefault("shape", {}))):
        for name in draw(st.lists(st.sampled_from(list(kind)), max_size=3, unique=True)):
            into[name] = draw(kind[name])
    try:
        return parse_rows([fields])[0]
    except RequestError:
        assume(False)
        raise


@given(rows())
def test_a_row_comes_back_from_its_line(row: Row) -> None:
    assert parse_line(line_of(row), 1) == row


@given(st.text(max_size=80))
def test_any_text_is_a_row_or_one_line(text: str) -> None:
    message = ""
    try:
        parse_line(text, 1)
    except RequestError as error:
        message = error.message
    assert not message or message.startswith("modulation row 1")
    assert "\n" not in message


def test_every_key_is_in_the_tests_above() -> None:
    assert set(Shape.model_fields) - {"polyorder"} == set(shapes)
    assert {field.alias or name for name, field in Row.model_fields.items()} - {"feature", "target", "shape"} == set(
        values
    )
