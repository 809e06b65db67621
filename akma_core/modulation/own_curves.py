"""Curves and events of one's own as a setting, by name: for rows such as file:NAME -> psi."""

import hashlib
import json
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from akma_core.audio.features.curve_files import CurveFile, Kind, read_curve_json, read_curve_text
from akma_core.errors import RequestError

from .features import NAME

MAX_CURVES = 8
MAX_POINTS = 50_000  # of all curves together, as of hits
MAX_TEXT = 4 << 20  # characters of a file: 50,000 rows take 2


class OwnCurve(BaseModel):
    """A curve or a list of events."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    rows: tuple[tuple[float, float], ...]
    """Time in s, and value or, of events, strength 0..1; in time order."""

    @property
    def file(self) -> CurveFile:
        """The same as if it had been read from a file."""
        return CurveFile(self.kind, np.array(self.rows, np.float64))

    @property
    def digest(self) -> str:
        """SHA-256 of what it is as JSON."""
        return hashlib.sha256(json.dumps(plain(self)).encode()).hexdigest()


def of_file(file: CurveFile) -> OwnCurve:
    """Setting that holds what was read from a file."""
    return OwnCurve(kind=file.kind, rows=tuple((time, amount) for time, amount in file.rows.tolist()))


def plain(curve: OwnCurve) -> dict[str, Any]:
    """A curve as JSON has it."""
    return {"events" if curve.kind == "events" else "values": [list(row) for row in curve.rows]}


def _curves(value: Any) -> Any:
    """Curves by name, each the text of a file or JSON as read_curve_json takes it; the object itself also as text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError('should be a JSON object such as {"light": [0.5, 1.5]}') from None
    if not isinstance(value, dict) or len(value) > MAX_CURVES:
        raise ValueError(f'should be up to {MAX_CURVES} curves by name such as {{"light": [0.5, 1.5]}}')
    found: dict[str, OwnCurve] = {}
    left = MAX_POINTS
    for name, each in value.items():
        found[name] = _curve(name, each, left)
        left -= len(found[name].rows)
    return found


def _curve(name: Any, value: Any, left: int) -> OwnCurve:
    """ValueError where it is none, or has more than `left` rows."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"has a name of other characters than letters, digits, _, . and -: {str(name)[:40]!r}")
    if isinstance(value, OwnCurve):
        return value
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise ValueError(f"{name} is longer than {MAX_TEXT >> 20} MB: give fewer rows")
    try:
        read = read_curve_text(value.removeprefix("\ufeff"), name) if isinstance(value, str) else None
        file = read or read_curve_json(value, name)
    except RequestError as error:
        raise ValueError(error.message) from None  # the field's name comes before
    if len(file.rows) > left:
        raise ValueError(f"{name} has too many rows, more than {MAX_POINTS} with the others: give fewer a second")
    return of_file(file)


Curves = Annotated[
    dict[str, OwnCurve],
    BeforeValidator(_curves),
    PlainSerializer(lambda curves: {name: plain(each) for name, each in curves.items()}, return_type=dict[str, Any]),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": MAX_CURVES,
            "propertyNames": {"pattern": f"^{NAME.pattern}$"},
            "additionalProperties": {"type": ["string", "array", "object"]},
            "examples": [{"light": "time,value\n0,0\n2.5,1\n", "marks": [0.5, [1.5, 0.8]]}],
        }
    ),
]
"""A field of a model: curves in any form, by name."""
