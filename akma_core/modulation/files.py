"""Curves and events of one's own: CSV and JSON as this program, labels of audio editors and spreadsheets write them.

CSV, text   `time,value` under such a heading is a curve; `time`, `time,strength` or an editor's labels (start, end,
            text, divided by tabs) are events. Without a heading: one column is events, two are a curve where the
            times are evenly spaced, else events. Decimal point, seconds from the song's start.
JSON        {"events": [[0.5, 1.0], 1.25]}, {"curve": [...], "fps": 30}, or a list of times.
"""

import json
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from akma_core.errors import RequestError

from .features import Kind
from .types import Floats

MAX_BYTES = 64 << 20
MAX_VALUES = 4_000_000
MAX_SECONDS = 1e7
CURVE_HEADINGS = {"value", "curve", "level"}
TIME_HEADINGS = {"time", "second", "seconds", "start", "begin", "t"}


@dataclass(frozen=True)
class FileFeature:
    """What a file says: times in s, rising, and a value for each."""

    kind: Kind
    times: Floats
    values: Floats

    def at_frames(self, frames: int, fps: Fraction) -> Floats:
        """The curve at the start of each frame, linear between its times, its ends held: [frames]."""
        return np.interp(np.arange(frames) / float(fps), self.times, self.values)

    def events(self) -> Floats:
        """Times in s and strengths 0..1, [n, 2]."""
        return np.stack([self.times, np.clip(self.values, 0.0, 1.0)], axis=1)


def read_feature(path: Path) -> FileFeature:
    """The curve or the events in a file; RequestError, one line, where it holds neither."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _bad(path, f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if len(data) > MAX_BYTES:
        raise _bad(path, f"is larger than {MAX_BYTES >> 20} MB")
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise _bad(path, "is no text in UTF-8") from None
    try:
        kind, pairs = _of_json(text) if text[:1] in ("{", "[") else _of_text(text)
        found = np.array(pairs, np.float64).reshape(-1, 2)
    except _FormatError as error:
        raise _bad(path, str(error)) from None
    if kind == "curve" and not len(found):
        raise _bad(path, "holds no values")
    if not np.isfinite(found).all() or (np.abs(found[:, 0]) > MAX_SECONDS).any():
        raise _bad(path, "holds a time or a value that is no number")
    found = found[np.argsort(found[:, 0], kind="stable")]
    return FileFeature(kind, found[:, 0], found[:, 1])


class _FormatError(Exception):
    """What is wrong with a file, to follow its name."""


def _of_json(text: str) -> tuple[Kind, list[tuple[float, float]]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _FormatError("is not JSON") from None
    if isinstance(value, dict) and isinstance(value.get("curve"), list):
        fps = _rate(value.get("fps"))
        first = value.get("first_frame", 0)
        if not isinstance(first, int) or not 0 <= first <= MAX_VALUES:
            raise _FormatError("has a first_frame that is no whole number")
        values = [_number(each, "value") for each in _limited(value["curve"])]
        return "curve", [((k + first) / fps, each) for k, each in enumerate(values)]
    events = value.get("events") if isinstance(value, dict) else value
    if not isinstance(events, list):
        raise _FormatError('has neither "events" nor "curve"')
    return "events", [_event(each) for each in _limited(events)]


def _rate(value: Any) -> float:
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(?:/(\d{1,9}))?", str(value), re.ASCII)
    rate = float(match[1]) / float(match[2] or 1) if match and float(match[2] or 1) else 0.0
    if not 0 < rate <= 100_000:
        raise _FormatError('needs "fps", the curve\'s values a second')
    return rate


def _event(value: Any) -> tuple[float, float]:
    pair = value if isinstance(value, list) else [value, 1.0]
    if len(pair) not in (1, 2):
        raise _FormatError("has an event that is not [time, strength]")
    return _number(pair[0], "time"), _number(pair[1], "strength") if len(pair) == 2 else 1.0


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e30:
        raise _FormatError(f"has a {what} that is no number: {str(value)[:30]!r}")
    return float(value)


def _limited(values: list[Any]) -> list[Any]:
    if len(values) > MAX_VALUES:
        raise _FormatError(f"has more than {MAX_VALUES:,} values")
    return values


def _of_text(text: str) -> tuple[Kind, list[tuple[float, float]]]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    rows = [[cell.strip() for cell in re.split(r"[\t;,]", line)] for line in _limited(lines)]
    heading = [cell.lower() for cell in rows.pop(0)] if rows and _float(rows[0][0]) is None else []
    time = next((k for k, name in enumerate(heading) if name in TIME_HEADINGS), 0)
    value = next((k for k, name in enumerate(heading) if name in CURVE_HEADINGS | {"strength", "velocity"}), None)
    pairs, last = [], -math.inf
    even, steps = True, set()
    for number, row in enumerate(rows, 2 if heading else 1):
        at = _float(row[time]) if time < len(row) else None
        if at is None:
            raise _FormatError(f"has no time in line {number}: {','.join(row)[:40]!r}")
        other = value if value is not None else (1 if len(row) == 2 and not heading else None)
        strength = 1.0 if other is None or other >= len(row) else _float(row[other])
        if strength is None:
            if heading:
                raise _FormatError(f"has no number in line {number}: {','.join(row)[:40]!r}")
            strength = 1.0  # an editor's label
        even = even and len(row) == 2 and at > last
        if even and math.isfinite(last):
            steps.add(round(at - last, 4))
        last = at
        pairs.append((at, strength))
    if heading:
        return ("curve" if CURVE_HEADINGS & set(heading) else "events"), pairs
    return ("curve" if even and len(pairs) > 2 and max(steps) - min(steps) <= 2e-4 else "events"), pairs


def _float(text: str) -> float | None:
    """The number that a cell says, None where it says none."""
    return float(text) if re.fullmatch(r"[+-]?(\d{1,15}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,2})?", text) else None


def _bad(path: Path, what: str) -> RequestError:
    return RequestError(f"curve {path} {what}", code="bad_curve_file", field="curve")
