"""Hits as a setting: those that somebody drew, tapped or took from another program, in place of found ones."""

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from .types import Floats

MAX_HITS = 50_000  # three hours of five a second
MAX_TIME = 86_400.0  # seconds
Drum = Literal["kick", "snare", "tom", "hat", "cymbal"]
STROKES = ("kick", "snare", "tom")  # what hits are, when they are told apart


class Hit(BaseModel):
    """A hit."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    time: Annotated[float, Field(ge=0, le=MAX_TIME)]
    """Seconds from the song's start."""
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    drum: Drum | None = None


def _hits(value: Any) -> Any:
    """A list of hits as objects, as [time, strength] or as times alone, or such a list as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise ValueError('should be a JSON list such as [{"time": 1.5, "strength": 0.8, "drum": "kick"}]') from None
    if not isinstance(value, list | tuple):
        return value
    if len(value) > MAX_HITS:
        raise ValueError(f"should be at most {MAX_HITS} hits, not {len(value)}")
    return sorted((_hit(number, each) for number, each in enumerate(value, 1)), key=lambda hit: hit.time)


def _hit(number: int, value: Any) -> Hit:
    if isinstance(value, Hit):
        return value
    if isinstance(value, list | tuple) and len(value) == 2:
        value = {"time": value[0], "strength": value[1]}
    elif isinstance(value, int | float) and not isinstance(value, bool):
        value = {"time": value}
    try:
        return Hit.model_validate(value)
    except ValueError:
        message = f"has a hit ({number}) that is none: give time in seconds from 0, strength 0 to 1, and perhaps a drum"
        raise ValueError(f"{message} ({', '.join(Drum.__args__)})") from None  # type: ignore[attr-defined]


def _no_constant(name: str) -> None:
    raise ValueError(name)


def plain(hits: Sequence[Hit] | None) -> list[dict[str, Any]] | None:
    """Hits as JSON has them, what is not said left out."""
    return None if hits is None else [hit.model_dump(exclude_none=True) for hit in hits]


Hits = Annotated[
    tuple[Hit, ...],
    BeforeValidator(_hits),
    PlainSerializer(plain, return_type=list[dict[str, Any]]),
    WithJsonSchema(
        {
            "type": "array",
            "maxItems": MAX_HITS,
            "items": {
                "type": "object",
                "properties": {
                    "time": {"type": "number", "minimum": 0, "maximum": MAX_TIME},
                    "strength": {"type": "number", "minimum": 0, "maximum": 1, "default": 1},
                    "drum": {"type": "string", "enum": ["kick", "snare", "tom", "hat", "cymbal"]},
                },
                "required": ["time"],
                "additionalProperties": False,
            },
        }
    ),
]
"""A field of a model: hits in any form, rising in time."""


def events_of(hits: Sequence[Hit], feature: str) -> Floats | None:
    """The events [n, 2] (s, strength) of a feature by these hits; None where they do not say and what was found stays.

    `hit` is all of them. Where any is told apart, kick, snare and tom are those that are called so; hat and cymbal are
    found ones until somebody names one.
    """
    if feature == "hit":
        return _events(hits)
    named = {hit.drum for hit in hits if hit.drum}
    if feature in named or (feature in STROKES and named):
        return _events([hit for hit in hits if hit.drum == feature])
    return None


def _events(hits: Sequence[Hit]) -> Floats:
    return np.array([[hit.time, hit.strength] for hit in hits], np.float64).reshape(-1, 2)


def named_hits(hits: Floats, drums: dict[str, Floats], within: float = 0.05) -> list[Hit]:
    """Found hits [n, 2] with the drum whose own event is nearest, `within` seconds; None where there is none."""
    nearest = {name: _distances(hits[:, 0], events[:, 0]) for name, events in drums.items()}
    found = []
    for k, (time, strength) in enumerate(hits.tolist()):
        name = min(nearest, key=lambda each: nearest[each][k], default=None)
        drum: Any = name if name is not None and nearest[name][k] <= within else None
        found.append(Hit(time=round(max(0.0, time), 4), strength=round(min(max(strength, 0.0), 1.0), 4), drum=drum))
    return found


def _distances(times: Floats, events: Floats) -> Floats:
    """From each of `times` to the nearest of the rising `events`."""
    if not len(events):
        return np.full(len(times), np.inf)
    after = np.clip(np.searchsorted(events, times), 0, len(events) - 1)
    before = np.maximum(after - 1, 0)
    distances: Floats = np.minimum(np.abs(events[after] - times), np.abs(times - events[before]))
    return distances
