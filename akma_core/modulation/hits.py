"""Shapes of events: which of them count, how much, and how the picture answers to one, frame by frame."""

import math
from bisect import bisect_left, insort
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .rows import Shape
from .types import Floats

TAIL = 6  # time constants after which an answer is over (0.25 % is left): a frame then depends on few events
WEAK = 0.3  # what an event counts that comes too soon
FLOOR, POWER = 0.05, 2.0  # of loudness, where a row gives only one of them
LOUD = 95  # percentile of the song's RMS that counts as loud
RMS_SECONDS = 0.4


def shape_events(events: Floats, shape: Shape, fps: Fraction, rms: Floats) -> Floats:
    """Shape `events` [n, 2] (times in s, strengths 0..1); what counts of them, the same form.

    delay, gap, strength by loudness, rate. `rms` [frames]: loudness around each frame, see Analysis.rms.
    """
    times, strengths = events[:, 0] + shape.delay, np.clip(events[:, 1], 0.0, 1.0)
    order = np.argsort(times, kind="stable")
    kept = _apart(times[order], shape.gap)
    times, strengths = times[order][kept], strengths[order][kept]
    if shape.loudness is not None or shape.floor is not None:
        floor = FLOOR if shape.floor is None else shape.floor
        loud = np.percentile(rms, LOUD)
        frame = np.clip(np.rint(times * float(fps)).astype(np.int64), 0, len(rms) - 1)
        r = np.clip(rms[frame] / loud, 0.0, 1.0) if loud > 0 else np.zeros(len(times))
        strengths = strengths * (floor + (1 - floor) * r ** (POWER if shape.loudness is None else shape.loudness))
    if shape.rate is not None:
        strengths = np.where(_full(times, strengths, shape.rate), strengths, WEAK * strengths)
    return np.stack([times, strengths], axis=1)


def _apart(times: Floats, gap: float) -> list[int]:
    """Indices of events that are not closer than `gap` to the one kept before."""
    kept: list[int] = []
    for index, time in enumerate(times.tolist()):
        if not kept or time - times[kept[-1]] >= gap - 1e-9:
            kept.append(index)
    return kept


def _full(times: Floats, strengths: Floats, rate: float) -> NDArray[np.bool_]:
    """Select the events that stay at full strength: the strongest first, never more than `rate` in any second."""
    most = max(1, math.floor(rate))
    span = most / rate
    full = np.zeros(len(times), bool)
    chosen: list[float] = []
    for index in np.lexsort((times, -strengths)).tolist():
        time = float(times[index])
        at = bisect_left(chosen, time)
        # Only runs of most + 1 events with this one among them could be too dense.
        near = [*chosen[max(0, at - most) : at], time, *chosen[at : at + most]]
        if all(near[i + most] - near[i] >= span - 1e-9 for i in range(len(near) - most)):
            insort(chosen, time)
            full[index] = True
    return full


def frames_of(events: Floats, fps: Fraction) -> NDArray[np.int64]:
    """The frame nearest to each event, [n]."""
    return np.rint(events[:, 0] * float(fps)).astype(np.int64)


def answer(shape: Shape, fps: Fraction) -> tuple[Floats, int]:
    """Curve of one event, from `ahead` frames before its own to 6 decay after; values and `ahead`.

    exp(-d / (fps decay)) at d = 0, 1, ...; before it a straight rise over `attack` frames.
    """
    ahead, tau = int(shape.attack), float(fps) * shape.decay
    fall = np.exp(-np.arange(math.floor(TAIL * tau) + 1) / tau)
    return np.concatenate([np.arange(1, ahead + 1) / (ahead + 1), fall]), ahead


def curve_of_events(events: Floats, shape: Shape, frames: int, fps: Fraction, weights: Floats | None = None) -> Floats:
    """Sum of strength times `answer` over all events, [frames]; `weights` [n] come on top."""
    values, ahead = answer(shape, fps)
    strengths = events[:, 1] if weights is None else events[:, 1] * weights
    return spread(frames_of(events, fps) - ahead, strengths, values, frames)


def spread(first: NDArray[np.int64], strengths: Floats, values: Floats, frames: int) -> Floats:
    """Sum of strengths[k] * values put down from frame first[k] on, [frames]; what stands over is cut."""
    total = np.zeros(frames)
    for start, strength in zip(first.tolist(), strengths.tolist(), strict=True):
        lo, hi = max(start, 0), min(start + len(values), frames)
        if lo < hi:
            total[lo:hi] += strength * values[lo - start : hi - start]
    return total


def steps(events: Floats, shape: Shape, frames: int, fps: Fraction) -> Floats:
    """Sum of the events' moves of a position, in full events: 1 - exp(-(t + 1 / fps) / settle) each, [frames].

    t counts from `attack` frames before the event's own. There is no way back: the increments are summed.
    """
    tau = float(fps) * shape.settle
    arrived = 1 - np.exp(-np.arange(math.ceil(40 * tau) + 2) / tau)
    increments = np.diff(arrived)
    first = frames_of(events, fps) - int(shape.attack)
    before = arrived[np.clip(-first, 0, len(arrived) - 1)] * (first < 0)  # what came before the first frame
    moved: Floats = np.cumsum(spread(first, events[:, 1], increments, frames)) + float(before @ events[:, 1])
    return moved
