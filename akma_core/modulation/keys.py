"""Key frames of a walk: `seed 12 at 0:31 hold 2` is that seed's picture at that second, for so long."""

import re
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

MAX_KEYS = 1000
TEXT = re.compile(
    r"\s*seed\s+(\d{1,10})\s+at\s+(?:(\d{1,5}):([0-5]?\d(?:\.\d{1,6})?)|(\d{1,7}(?:\.\d{1,6})?))"
    r"(?:\s+hold\s+(\d{1,6}(?:\.\d{1,6})?))?\s*",
    re.ASCII,
)


class Key(BaseModel):
    """A seed at a time."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seed: Annotated[int, Field(ge=0, le=2**32 - 1)]
    at: Annotated[float, Field(ge=0)]
    """Seconds from the song's start."""
    hold: Annotated[float, Field(ge=0)] = 0.0
    """Seconds that its picture stays."""


def _key(value: Any) -> Key:
    if isinstance(value, Key):
        return value
    match = TEXT.fullmatch(value) if isinstance(value, str) else None
    if not match or int(match[1]) >= 2**32:
        raise ValueError(f"should be such as seed 12 at 0:31 hold 2, not {str(value)[:40]!r}")
    seconds = float(match[4]) if match[4] else 60 * int(match[2]) + float(match[3])
    return Key(seed=int(match[1]), at=seconds, hold=float(match[5] or 0))


def _keys(value: Any) -> tuple[Key, ...]:
    """Keys in one text, split at commas and lines, or a list of them; rising in time."""
    if isinstance(value, str):
        value = [part for part in re.split(r"[,;\n]", value) if part.strip()]
    if not isinstance(value, list | tuple) or len(value) > MAX_KEYS:
        raise ValueError(f"should be a list of at most {MAX_KEYS} keys such as seed 12 at 0:31 hold 2")
    keys = tuple(map(_key, value))
    for one, following in pairwise(keys):
        if following.at <= one.at + one.hold:
            raise ValueError(f"seed {following.seed} at {following.at:g} s comes before seed {one.seed} is over")
    return keys


def _text(keys: tuple[Key, ...]) -> list[str]:
    return [
        f"seed {key.seed} at {_number(key.at)}" + (f" hold {_number(key.hold)}" if key.hold else "") for key in keys
    ]


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


Keys = Annotated[
    tuple[Key, ...],
    BeforeValidator(_keys),
    PlainSerializer(_text, return_type=list[str]),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "examples": [["seed 12 at 0:31 hold 2"]]}),
]
"""A field of a model: keys in any form, written as texts."""
