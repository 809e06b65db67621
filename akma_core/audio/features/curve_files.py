"""Curves and event lists of one's own, as other tools and DAWs export them: CSV, label tracks, JSON."""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from akma_core.audio.features.column import FRAME_RATE, Column
from akma_core.errors import RequestError

MAX_BYTES = 64 * 2**20
MAX_ROWS = 2_000_000  # five hours at 100 Hz
MAX_SECONDS = 86_400.0
MAX_VALUE = 1e6
SHOWN = 40  # characters of a bad line in a message
TIMES = ("time", "second", "seconds", "start", "onset")  # names of a column, in lower case
STRENGTHS = ("strength", "velocity")
VALUES = ("value", "curve", "level")

Kind = Literal["curve", "events"]


@dataclass(frozen=True)
class CurveFile:
    """Content of a file: [[time in s, value]], float64 [n, 2] in time order; of events the value is 0..1."""

    kind: Kind
    rows: NDArray[np.float64]

    def column(self, duration: float) -> Column:
        """Values of a curve at FRAME_RATE, linear between its rows and constant beyond: float32 [n]."""
        times = np.arange(math.ceil(duration * FRAME_RATE)) / FRAME_RATE
        return np.interp(times, self.rows[:, 0], self.rows[:, 1]).astype(np.float32)


def read_curve_file(path: Path) -> CurveFile:
    """Read a curve or a list of events: see read_curve_text.

    Raises RequestError (field "curve"), one line that names the file and the line at fault.
    """
    name = path.name
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RequestError(f"{name}: cannot be read: {error.strerror}", code="bad_curve", field="curve") from None
    if len(data) > MAX_BYTES:
        raise _bad(name, 0, f"is larger than {MAX_BYTES >> 20} MB; export fewer rows")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _bad(name, data[: error.start].count(b"\n") + 1, "is not UTF-8 text; export it as such") from None
    return read_curve_text(text, name)


def read_curve_text(text: str, name: str) -> CurveFile:
    """Read what a file of a curve or of events holds; errors call it `name`.

    CSV with a header: `time` alone or with `strength` (0..1) are events, with `value` a curve (AKMA's own export has
    these). Without one: times alone, times with words (Sonic Visualiser's instants) and Audacity's label tracks are
    events, times with numbers (Sonic Visualiser's values) a curve. JSON: see read_curve_json.
    Raises RequestError (field "curve"), one line that names the line at fault.
    """
    if not text.strip():
        raise _bad(name, 0, "is empty; give times or values")
    if text.lstrip()[:1] not in "[{":
        return _in_order(_read_table(name, text))
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise _bad(name, error.lineno, f"is not JSON: {error.msg}") from None
    except (RecursionError, ValueError):
        raise _bad(name, 0, "is not JSON that can be read: nested too deeply or a number too long") from None
    return read_curve_json(data, name)


def read_curve_json(data: object, name: str) -> CurveFile:
    """Read a curve or events of JSON; errors call it `name`.

    Events: a list of times, or of [time, strength], or {"events": that list}. A curve: {"fps": f, "curve": [...]}, one
    value a frame, or {"values": [[time, value], ...]}. Raises RequestError (field "curve"), one line.
    """
    if isinstance(data, dict) and "curve" in data:
        return _json_curve(name, data)
    if isinstance(data, dict) and "values" in data:
        return _json_values(name, data["values"])
    if isinstance(data, dict):
        data = data.get("events")
    if not isinstance(data, list):
        raise _bad(name, 0, 'JSON must be a list of times, {"events": list} or {"fps": number, "curve": list}')
    if len(data) > MAX_ROWS:
        raise _bad(name, 0, f"has more than {MAX_ROWS} events; export fewer")
    rows = []
    for k, item in enumerate(data, 1):
        pair = item if isinstance(item, list) else [item]
        if len(pair) not in (1, 2):
            raise _bad(name, 0, f"event {k} must be a time or [time, strength]")
        strength = _number(name, 0, pair[1], f"strength of event {k}", 0.0, 1.0) if len(pair) == 2 else 1.0
        rows.append((_number(name, 0, pair[0], f"time of event {k}", 0.0, MAX_SECONDS), strength))
    return _in_order(_made(name, "events", rows))


def _in_order(found: CurveFile) -> CurveFile:
    """Events by time: tools may list them by kind. A curve out of order is a mistake instead."""
    if found.kind == "curve":
        return found
    return CurveFile("events", found.rows[np.argsort(found.rows[:, 0], kind="stable")])


def _bad(name: str, line: int, what: str) -> RequestError:
    where = f", line {line}" if line else ""
    return RequestError(f"{name}{where}: {what}", code="bad_curve", field="curve")


def _number(name: str, line: int, value: object, what: str, low: float, high: float) -> float:
    """`value`, text or number, as a number within low..high."""
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise _bad(name, line, f"{what} must be a number, not {str(value)[:SHOWN]!r}") from None
    if not low <= number <= high:  # NaN, too
        raise _bad(name, line, f"{what} must be {low:g} to {high:g}, not {number:g}")
    return number


def _time(name: str, line: int, value: object) -> float:
    return _number(name, line, value, "time", 0.0, MAX_SECONDS)


def _read_table(name: str, text: str) -> CurveFile:
    """Read comma-, semicolon- or tab-separated text."""
    lines = text.splitlines()
    if len(lines) > MAX_ROWS:
        raise _bad(name, MAX_ROWS + 1, f"has more than {MAX_ROWS} rows; export fewer")
    first = next(line for line in lines if line.strip())
    delimiter = "\t" if "\t" in first else ";" if ";" in first else ","
    table: list[tuple[int, list[str]]] = []
    for number, line in enumerate(lines, 1):
        # Audacity writes a label's frequencies in a line of its own that begins with a backslash.
        if not line.strip() or line.startswith(("#", "\\")):
            continue
        try:
            cells = next(csv.reader([line], delimiter=delimiter))
        except (csv.Error, StopIteration):
            raise _bad(name, number, f"cannot be read as a row: {line[:SHOWN]!r}") from None
        table.append((number, [cell.strip() for cell in cells]))
    if not table:
        raise _bad(name, 0, "holds no rows; give times or values")
    names = [cell.lower() for cell in table[0][1]]
    if not _is_number(names[0]):
        kind, time, value = _columns(name, table[0][0], names)
        table = table[1:]
    else:
        kind, time, value = _guess(table, delimiter)
    rows = []
    for number, cells in table:
        if len(cells) <= max(time, value):
            raise _bad(name, number, f"has {len(cells)} columns, {max(time, value) + 1} are needed")
        low, high = (0.0, 1.0) if kind == "events" else (-MAX_VALUE, MAX_VALUE)
        amount = 1.0 if value < 0 else _number(name, number, cells[value], "strength or value", low, high)
        rows.append((_time(name, number, cells[time]), amount))
        if kind == "curve" and len(rows) > 1 and rows[-1][0] <= rows[-2][0]:
            raise _bad(name, number, f"time {rows[-1][0]:g} does not come after {rows[-2][0]:g}; sort the rows by time")
    return _made(name, kind, rows)


def _columns(name: str, line: int, names: list[str]) -> tuple[Kind, int, int]:
    """Kind, and columns of time and value (-1: none), by the header."""
    times = [k for k, word in enumerate(names) if word in TIMES]
    if not times:
        raise _bad(name, line, f"the header has no column {TIMES[0]!r}: {','.join(names)[:SHOWN]!r}")
    for kind, known in (("events", STRENGTHS), ("curve", VALUES)):
        for k, word in enumerate(names):
            if word in known:
                return ("events" if kind == "events" else "curve"), times[0], k
    unknown = [word for word in names if word not in (*TIMES, "end", "label", "frame", "duration")]
    if unknown:
        raise _bad(name, line, f"unknown column {unknown[0][:SHOWN]!r}; use time with strength or value")
    return "events", times[0], -1


def _guess(table: list[tuple[int, list[str]]], delimiter: str) -> tuple[Kind, int, int]:
    """Kind and columns of a table without a header."""
    first = table[0][1]
    # A label track has start, end and perhaps a label, with tabs between; its second number is a time.
    label_track = delimiter == "\t" and len(first) >= 2 and all(_is_end(cells) for _, cells in table)
    if len(first) == 1 or label_track or not _is_number(first[1]):
        return "events", 0, -1
    return "curve", 0, 1


def _is_end(cells: list[str]) -> bool:
    return len(cells) >= 2 and all(map(_is_number, cells[:2])) and float(cells[1]) >= float(cells[0])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _json_curve(name: str, data: dict[str, object]) -> CurveFile:
    """Read one value a frame."""
    values = data["curve"]
    if not isinstance(values, list) or not 0 < len(values) <= MAX_ROWS:
        raise _bad(name, 0, f'"curve" must be a list of 1 to {MAX_ROWS} numbers')
    fps = _number(name, 0, data.get("fps"), '"fps"', 0.01, 1000.0)
    rows = [
        (k / fps, _number(name, 0, value, f"value {k + 1}", -MAX_VALUE, MAX_VALUE)) for k, value in enumerate(values)
    ]
    return _made(name, "curve", rows)


def _json_values(name: str, values: object) -> CurveFile:
    """Read [[time, value], ...]."""
    if not isinstance(values, list) or len(values) > MAX_ROWS:
        raise _bad(name, 0, f'"values" must be a list of at most {MAX_ROWS} [time, value]')
    rows: list[tuple[float, float]] = []
    for k, item in enumerate(values, 1):
        if not isinstance(item, list) or len(item) != 2:
            raise _bad(name, 0, f"value {k} must be [time, value]")
        time = _number(name, 0, item[0], f"time of value {k}", 0.0, MAX_SECONDS)
        if rows and time <= rows[-1][0]:
            raise _bad(name, 0, f"time {time:g} does not come after {rows[-1][0]:g}; sort the values by time")
        rows.append((time, _number(name, 0, item[1], f"value {k}", -MAX_VALUE, MAX_VALUE)))
    return _made(name, "curve", rows)


def _made(name: str, kind: Kind, rows: list[tuple[float, float]]) -> CurveFile:
    if not rows:
        raise _bad(name, 0, "holds no rows; give times or values")
    return CurveFile(kind, np.array(rows, np.float64))
