"""Beats and downbeats: the instants that one would clap at, or none where no grid fits."""

from itertools import pairwise

import numpy as np
import scipy
from numpy.typing import NDArray

from akma_core.audio.features.column import Column

TIGHTNESS = 100.0  # of beats to the tempo
NEAR = 3  # frames on both sides of a beat that belong to it
MIN_BEATS = 4  # fewer are no grid
COMMON_TIME = 0.8  # what three beats a bar count against four, which are far more common


def track_beats(signal: NDArray[np.float64], period: float) -> NDArray[np.int64]:
    """Frames of the beats of a `novelty` [n] whose beat lasts `period` frames: the chain of the highest score.

    Each beat gains `signal` there and loses TIGHTNESS ln(step / period)^2. Ellis, J. New Music Research 2007.
    """
    n = len(signal)
    if not n:
        return np.zeros(0, np.int64)
    score = signal / max(float(signal.std()), 1e-9)
    came_from = np.full(n, -1, np.int64)
    # A step is at least half a period, so that so many frames depend on none of each other and are done at once.
    run = max(1, int(period / 2))
    steps = np.arange(run, int(2 * period) + 1)
    cost = TIGHTNESS * np.log(steps / period) ** 2
    for first in range(run, n, run):
        at = np.arange(first, min(first + run, n))
        last = at[:, None] - steps
        value = np.where(last >= 0, score[np.maximum(last, 0)], -np.inf) - cost
        best = np.argmax(value, axis=1)
        gain = value[np.arange(len(at)), best]
        chained = gain > 0  # else the chain begins here
        came_from[at[chained]] = last[chained, best[chained]]
        score[at[chained]] += gain[chained]
    tail = max(0, n - int(period))
    k = tail + int(np.argmax(score[tail:]))
    beats = []
    while k >= 0:
        beats.append(k)
        k = int(came_from[k])
    return np.array(beats[::-1], np.int64)


def grid_confidence(signal: NDArray[np.float64], beats: NDArray[np.int64]) -> float:
    """Share by which `signal` on the beats exceeds that between them, 0..1; 0 without beats."""
    if len(beats) < MIN_BEATS:
        return 0.0
    near = scipy.ndimage.maximum_filter1d(signal, 2 * NEAR + 1)
    middles = (beats[:-1] + beats[1:]) // 2
    on, everywhere = float(near[beats].mean()), float(near[beats[0] : beats[-1]].mean())
    between = float(near[middles].mean())
    deviation = max(float(near.std()), 1e-9)
    return float(np.clip((on - max(everywhere, between)) / deviation / 2, 0, 1))


def find_downbeats(
    beats: NDArray[np.int64], accents: list[Column], chroma: NDArray[np.float32] | None
) -> tuple[NDArray[np.int64], int, float]:
    """Indices into `beats` of the downbeats, beats a bar (3 or 4) and confidence 0..1.

    `accents` are curves that are high on downbeats (bass drum); a new chord counts as one too: `chroma` [n, 12] has
    the rate of the columns.
    """
    if len(beats) < 2 * 4:
        return np.zeros(0, np.int64), 0, 0.0
    evidence = np.zeros(len(beats))
    for curve in accents:
        near = scipy.ndimage.maximum_filter1d(curve, 2 * NEAR + 1)
        value = near[np.minimum(beats, len(curve) - 1)].astype(np.float64)
        evidence += (value - value.mean()) / max(float(value.std()), 1e-6)
    if chroma is not None:
        edges = np.concatenate([beats, [min(len(chroma), 2 * beats[-1] - beats[-2])]])
        held = np.array([chroma[a : max(b, a + 1)].mean(axis=0) for a, b in pairwise(edges)])
        change = np.concatenate([[0.0], np.linalg.norm(np.diff(held, axis=0), axis=1)])
        evidence += (change - change.mean()) / max(float(change.std()), 1e-6)
    scores = {}
    for bar in (4, 3):
        for phase in range(bar):
            on = np.arange(len(beats)) % bar == phase
            error = float(evidence.std()) / np.sqrt(on.sum())
            scores[bar, phase] = (float(evidence[on].mean()) - float(evidence[~on].mean())) / max(error, 1e-9)
            scores[bar, phase] *= 1.0 if bar == 4 else COMMON_TIME
    ranked = sorted(scores, key=lambda key: -scores[key])
    bar, phase = ranked[0]
    rival = max(scores[key] for key in ranked if key[0] == bar and key[1] != phase)
    confidence = float(np.clip((scores[bar, phase] - rival) / max(abs(scores[bar, phase]), 1e-9), 0, 1))
    return np.arange(phase, len(beats), bar), bar, confidence
