"""Analysis of a song as JSON, for a page that draws it: quickly, for every turn of a knob asks for it."""

import json
from fractions import Fraction
from typing import Any

import numpy as np

from akma_core.audio.features.analysis import Analysis

from . import features
from .columns import key_of
from .edited_hits import plain
from .grammar import line_of
from .resolve import Modulation
from .song_hits import found_hits
from .types import Columns, Floats

LEVELS = 1000  # of a curve's values: more than a screen has rows
POINTS = 16_384  # of a curve, at most
DIGITS = [f"{level / LEVELS:g}" for level in range(LEVELS + 1)]


def song_json(heard: Analysis) -> tuple[str, str]:
    """Part that no setting changes, two pieces of JSON: members of an object without its braces, and the hits found."""
    told = {
        "duration": heard.duration,
        "beats": _beats(heard),
        "tempo": {"bpm": heard.tempo.bpm or None, "confidence": round(heard.tempo.confidence, 4)},
        "sections": [
            {"start": round(float(each.start), 4), "end": round(float(each.end), 4), "label": each.label}
            for each in heard.sections
        ],
    }
    return json.dumps(told)[1:-1], json.dumps(plain(found_hits(heard)))


def analysis_json(
    song: tuple[str, str],
    modulation: Modulation,
    columns: Columns,
    fps: Fraction,
    shown: tuple[float, float],
    points: int,
    notes: list[str],
    wanted: list[str] | None = None,
) -> bytes:
    """Curves between `shown` seconds in at most `points` values each, and hits, beats, sections and rows of it all.

    `song`: see song_json; `wanted`: names of the curves that come with values, and the others without; None: all.
    """
    members, found = song
    told: dict[str, Any] = {
        "fps": str(fps),
        "start": shown[0],
        "end": shown[1],
        "edited": modulation.hits is not None,
        "rows": [_row(index, modulation) for index in range(len(modulation.rows))],
        "events": {name: np.round(each, 4).tolist() for name, each in columns.items() if each.ndim == 2},
        "notes": notes,
    }
    curves = ",".join(
        f"{json.dumps(name)}:{_curve(each, fps, shown, 0 if wanted is not None and name not in wanted else points)}"
        for name, each in columns.items()
        if each.ndim == 1
    )
    hits = found if modulation.hits is None else json.dumps(plain(modulation.hits))
    return f'{{{members}, "hits": {hits}, {json.dumps(told)[1:-1]}, "curves": {{{curves}}}}}\n'.encode()


def _beats(heard: Analysis) -> list[dict[str, Any]]:
    first = set(heard.events["downbeats"][:, 0].tolist())
    return [{"time": round(time, 4), "downbeat": time in first} for time in heard.events["beats"][:, 0].tolist()]


def _row(index: int, modulation: Modulation) -> dict[str, Any]:
    row = modulation.rows[index]
    known = features.find(row.feature)
    return {
        **row.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "amount": row.weight,
        "line": line_of(row),
        "column": key_of(row),
        "kind": known.kind if known else None,
        "preset": index < modulation.preset_rows,
    }


def _curve(values: Floats, fps: Fraction, shown: tuple[float, float], points: int) -> str:
    """`{"rate": values a second, "values": [...]}`; of more frames than points the highest of each stretch."""
    rate = float(fps)
    if not points:
        return f'{{"rate":{rate!r},"values":[]}}'
    first = min(int(shown[0] * rate), len(values) - 1)
    part = values[first : max(first + 1, int(np.ceil(shown[1] * rate)))]
    if len(part) > points:
        size = -(-len(part) // points)
        part, rate = np.maximum.reduceat(part, np.arange(0, len(part), size)), rate / size
    return f'{{"rate":{rate!r},"values":[{_numbers(part)}]}}'


def _numbers(values: Floats) -> str:
    if values.min() < 0 or values.max() > 1:  # AKMA's own of 2022
        return ",".join(f"{value:.3f}" for value in values.tolist())
    return ",".join(map(DIGITS.__getitem__, np.rint(values * LEVELS).astype(np.int64).tolist()))
