"""The one-line form of a row: `kick -> pull:coarse 0.4 decay=0.25`, the same row as in TOML and JSON.

    FEATURE[@SOURCE] -> TARGET[:ROWS] [AMOUNT] [key=value ...]

What follows the target's colon is `rows` of pull and mix, `direction` of direction and `class` of class. Keys are those
of the row and of its shape; two numbers are written 5,98; a flag alone is true.
"""

import json
import re
from collections.abc import Collection
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from akma_core.errors import RequestError

from .rows import MAX_ROWS, Row, Shape, parse_fields, row_error

LINE = re.compile(
    r"\s*(?P<feature>[^\s@>]{1,80})(?:@(?P<source>\S{1,60}))?\s*->\s*(?P<target>[a-z.]{1,40})(?::(?P<about>\S{1,220}))?"
    r"(?P<rest>(?:\s+\S+)*)\s*",
    re.ASCII,
)
MAX_LINE = 1000  # characters
NUMBER = r"[+-]?(?:\d{1,15}(?:\.\d{0,25})?|\.\d{1,25})(?:[eE][+-]?\d{1,3})?"
ABOUT = {"direction": "direction", "class": "class"}  # of other targets: rows
SHAPE_KEYS = frozenset(Shape.model_fields)
FLAGS = frozenset({"raw", "speed", "golden", "invert"})


def parse_line(line: str, number: int) -> Row:
    """The row that a line says; RequestError naming row and key."""
    match = LINE.fullmatch(line) if len(line) <= MAX_LINE else None
    if not match:
        message = "must be FEATURE -> TARGET [AMOUNT] [key=value ...], such as kick -> pull:coarse 0.4 decay=0.25"
        raise row_error(line, number, message)
    fields: dict[str, Any] = {"feature": match["feature"], "target": match["target"]}
    named = dict(fields)
    if match["source"]:
        fields["source"] = match["source"]
    if match["about"]:
        key = ABOUT.get(match["target"], "rows")
        fields[key] = _value(key, match["about"])
    shape: dict[str, Any] = {}
    for position, word in enumerate(match["rest"].split()):
        key, equals, text = word.partition("=")
        if not equals and position == 0 and re.fullmatch(NUMBER, word, re.ASCII):
            key, text = "amount", word
        elif not equals and key not in FLAGS:
            raise row_error(named, number, f"{word[:40]!r} is neither an amount nor key=value")
        part = shape if key in SHAPE_KEYS else fields
        if key in part or key == "shape":
            raise row_error(named, number, f"{key[:40]} is there twice" if key in part else "unknown key 'shape'")
        part[key] = _value(key, text) if equals or text else True
    if shape:
        fields["shape"] = shape
    return parse_fields(fields, number)


def _value(key: str, text: str) -> Any:
    """Text as the number, the two numbers, the truth or the words that it says."""
    if re.fullmatch(NUMBER, text, re.ASCII):
        return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
    if pair := re.fullmatch(rf"\[?({NUMBER})(?:,|\.\.)({NUMBER})\]?", text, re.ASCII):
        return [_value(key, pair[1]), _value(key, pair[2])]
    return {"true": True, "false": False}.get(text, text)


def line_of(row: Row) -> str:
    """The line that `parse_line` reads as this very row; keys at their default are left out."""
    source = "" if row.source == "mix" else f"@{row.source}"
    about = {"direction": row.direction, "class": row.class_index}.get(row.target)
    if about is None and row.rows != "all":
        about = _text(row.rows)
    words = [f"{row.feature}{source} -> {row.target}" + ("" if about is None else f":{about}")]
    if row.amount is not None:
        words.append(_text(row.amount))
    if row.target == "direction" and row.rows != "all":
        words.append(f"rows={_text(row.rows)}")
    for name in ("band", "offset", "range", "raw", "speed", "golden", "beats_per_seed"):
        value = getattr(row, name)
        if value != Row.model_fields[name].default:
            words.append(f"{name}={_text(value)}")
    return " ".join([*words, *shape_words(row.shape)])


def shape_words(shape: Shape, but: Collection[str] = ()) -> list[str]:
    """key=value of what was given, `but` for some."""
    given = [name for name in Shape.model_fields if name in shape.model_fields_set and name not in but]
    return [f"{name}={_text(value)}" for name in given if (value := getattr(shape, name)) is not None]


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def parse_rows(value: Any) -> tuple[Row, ...]:
    """The rows that came over any way: a line, JSON text, or a list of lines and tables; RequestError."""
    if isinstance(value, str):
        text = value.strip()
        if text[:1] not in ("[", "{"):
            value = [line for line in text.splitlines() if line.strip()]
        else:
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                message = "modulation is not JSON: give a list of rows, or lines such as kick -> pull 0.4"
                raise RequestError(message, code="bad_modulation", field="modulation") from None
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list | tuple) or len(value) > MAX_ROWS:
        message = f"modulation must be a list of at most {MAX_ROWS} rows"
        raise RequestError(message, code="bad_modulation", field="modulation")
    return tuple(
        parse_line(row, number) if isinstance(row, str) else parse_fields(row, number)
        for number, row in enumerate(value, 1)
    )


def _in_model(value: Any) -> tuple[Row, ...]:
    try:
        return parse_rows(value)
    except RequestError as error:
        raise ValueError(error.message.removeprefix("modulation ")) from None  # the field's name comes before


Rows = Annotated[
    tuple[Row, ...],
    BeforeValidator(_in_model),
    PlainSerializer(lambda rows: [line_of(row) for row in rows], return_type=list[str]),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": ["string", "object"]},
            "examples": [["kick -> pull:coarse 0.4 decay=0.25"]],
        }
    ),
]
"""A field of a model: rows in any form, written as lines."""
