"""The columns of a plan: every curve and event list that its rows use, computed once over the whole song.

They are stored beside the plan as curves.npz and hashed into it, so that a worker without the song can render: a
frame is a pure function of plan, columns and network.
"""

import hashlib
import io
import zipfile
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akma_core.errors import RequestError

from . import features
from .analysis import Analysis
from .grammar import shape_words
from .hits import RMS_SECONDS, shape_events
from .resolve import Loop, Modulation, planning_error
from .rows import Row
from .shape import shape_curve
from .types import Columns, Floats

CURVE = "curve"  # AKMA's, float64 to the bit; every other curve is float32
BEATS = "beats/s"
NO_BEATS = 2.0  # beats a second where a song has no steady pulse
FILE = "curves.npz"
MAX_FRAMES, MAX_EVENTS, MAX_COLUMNS = 1 << 27, 1 << 22, 130
LOOP_FADE = 1.0  # seconds over which a loop's end turns into what leads up to its start


def key_of(row: Row) -> str:
    """Name of a row's column: what stands left of its arrow, with the shape. Rows that agree in it share the column."""
    known = features.find(row.feature)
    answer = {"attack", "decay", "settle"} if known and known.kind == "events" else set()  # how a target answers
    source = "" if row.source == "mix" else f"@{row.source}"
    band = "" if row.band is None else f" band={row.band[0]:g},{row.band[1]:g}"
    return " ".join([f"{row.feature}{source}{band}", *shape_words(row.shape, answer)])


def digests(columns: Columns) -> dict[str, str]:
    """SHA-256 of each column's type, shape and bytes."""
    return {
        name: hashlib.sha256(f"{column.dtype.str}{column.shape}".encode() + column.tobytes()).hexdigest()
        for name, column in columns.items()
    }


def dump_columns(columns: Columns) -> bytes:
    """curves.npz of `columns`."""
    packed = io.BytesIO()
    arrays: dict[str, Any] = {f"{i:03d}": column for i, column in enumerate(columns.values())}
    np.savez(packed, names=np.array(list(columns)), **arrays)
    return packed.getvalue()


def load_columns(data: bytes, modulation: Modulation | None) -> Columns | None:
    """The columns of `modulation` in curves.npz; None where these bytes are not exactly they."""
    if modulation is None:
        return None
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            names = file["names"].tolist()
            columns = {str(name): file[f"{i:03d}"] for i, name in enumerate(names)}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
    return columns if digests(columns) == modulation.columns else None


def compute_columns(
    modulation: Modulation, analysis: Analysis, curve: Floats, fps: Fraction
) -> tuple[Columns, list[str]]:
    """The columns of `modulation`'s rows over the whole song, and what there is to say about them.

    `curve`: AKMA's own, float64 [frames]. RequestError, naming the row, where a row's feature cannot be had.
    """
    columns: dict[str, NDArray[Any]] = {CURVE: _looped(curve, modulation.loop, fps)}
    notes: list[str] = []
    for index, row in enumerate(modulation.rows):
        try:
            row.check_kind(analysis.kind(row.feature))
            if key_of(row) not in columns:
                columns[key_of(row)] = _column(row, analysis, columns[CURVE], modulation.loop, fps)
        except ValueError as error:
            inner, colon, rest = str(error).partition(": ")
            message = f"{inner} {rest}" if colon else inner
            raise planning_error(modulation, index, message) from None
        except RequestError as error:
            raise planning_error(modulation, index, error.message) from None
        if row.beats_per_seed is not None and BEATS not in columns:
            beats = analysis.beats()
            columns[BEATS] = beat_rate(beats, analysis.frames, fps).astype(np.float32)
            if len(beats) < 2:
                notes.append("The song has no steady pulse: beats_per_seed counts 120 beats a minute.")
    return columns, notes


def _column(row: Row, analysis: Analysis, curve: Floats, loop: Loop | None, fps: Fraction) -> NDArray[Any]:
    if analysis.kind(row.feature) == "events":
        rms = analysis.rms(RMS_SECONDS)
        return _wrapped(shape_events(analysis.events(row.feature, row.source), row.shape, fps, rms), loop, fps)
    if row.feature == CURVE:
        return shape_curve(curve, row.shape, fps).astype(np.float32)
    known = features.find(row.feature)
    values = analysis.curve(row.feature, row.source, row.band)
    unit = known.unit if known else bool(values.min() >= 0 and values.max() <= 1)
    return _looped(shape_curve(values, row.shape, fps, unit=unit), loop, fps).astype(np.float32)


def _looped(curve: Floats, loop: Loop | None, fps: Fraction) -> Floats:
    """The curve whose last second turns into what leads up to the loop's start."""
    if loop is None:
        return curve
    curve, fade = curve.copy(), min(round(LOOP_FADE * fps), loop.frames)
    at = np.arange(loop.first + loop.frames - fade, loop.first + loop.frames)
    s = (1 - np.cos(np.pi * np.arange(1, fade + 1) / (fade + 1))) / 2
    before = curve[np.maximum(at - loop.frames, 0)]
    curve[at] = (1 - s) * curve[at] + s * before
    return curve


def _wrapped(events: Floats, loop: Loop | None, fps: Fraction) -> Floats:
    """The events within a loop, with what they are one round before and one after."""
    if loop is None:
        return events
    frame = np.rint(events[:, 0] * float(fps))
    inside = events[(frame >= loop.first) & (frame < loop.first + loop.frames)]
    period = np.array([float(loop.frames / fps), 0.0])
    return np.concatenate([inside - period, inside, inside + period])


def beat_rate(beats: Floats, frames: int, fps: Fraction) -> Floats:
    """Beats a second at each frame, [frames]; NO_BEATS where there are not two beats."""
    if len(beats) < 2:
        return np.full(frames, NO_BEATS)
    interval = np.clip(np.searchsorted(beats, np.arange(frames) / float(fps), "right") - 1, 0, len(beats) - 2)
    rate: Floats = 1 / np.diff(beats)[interval]
    return rate
