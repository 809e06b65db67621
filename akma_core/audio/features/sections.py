"""Sections: where a song changes for good, and which of its passages are alike."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy
from numpy.typing import NDArray

RATE = 2  # rows a second
CHROMA_SHARE = 0.8  # weight of the 12 chroma columns against the levels
SMOOTH_SECONDS = 2.5
KERNEL_SECONDS, TAPER_SECONDS = 12.0, 6.0  # half width of the checkerboard, deviation of its taper
NOVELTY, PROMINENCE = 0.5, 0.25  # of a boundary; 1 is a change from one thing to its opposite
SHORTEST = 6.0  # s
ALIKE = 0.3  # largest mean distance of passages with one label
MOST = 1000  # sections of a song; the longer it is, the longer they must be


@dataclass(frozen=True)
class Section:
    """A passage from `start` to `end` s; passages that sound alike share a `label`: A, B, ..., Z, AA, ..."""

    label: str
    start: float
    end: float


def find_sections(rows: NDArray[np.float32], duration: float, beats: NDArray[np.float64]) -> list[Section]:
    """Sections of a song of `duration` s from `rows` [n, 12 + groups] at RATE: chroma, then levels.

    Boundaries move to the nearest of `beats` [s] within half a row. Novelty: Foote, ICME 2000.
    """
    if duration <= 0:
        return []
    spread = rows.std(axis=0)
    scaled = (rows - rows.mean(axis=0)) / np.maximum(spread, 1e-3)
    scaled[:, :12] *= CHROMA_SHARE
    found = _boundaries(scaled, max(SHORTEST, duration / MOST))
    cuts = [0, *found.tolist(), len(rows)]
    means = np.array([scaled[a:b].mean(axis=0) for a, b in pairwise(cuts)])
    groups = np.ones(1, np.int64)
    if len(means) > 1:
        tree = scipy.cluster.hierarchy.linkage(means / np.sqrt(rows.shape[1]), "average")
        groups = scipy.cluster.hierarchy.fcluster(tree, ALIKE, "distance").astype(np.int64)
    sections: list[Section] = []
    names: dict[int, str] = {}
    for k, group in enumerate(groups.tolist()):
        label = names.setdefault(group, _name(len(names)))
        start = _nearest(beats, cuts[k] / RATE) if k else 0.0
        end = _nearest(beats, cuts[k + 1] / RATE) if k + 1 < len(groups) else duration
        if sections and sections[-1].label == label:
            start = sections.pop().start
        sections.append(Section(label, start, end))
    return sections


def _boundaries(scaled: NDArray[np.float32], shortest: float) -> NDArray[np.int64]:
    """Rows at which a section begins, without the first."""
    smooth = scipy.ndimage.uniform_filter1d(scaled, round(SMOOTH_SECONDS * RATE), axis=0, mode="nearest")
    norm = np.linalg.norm(smooth, axis=1, keepdims=True)
    unit = smooth / np.maximum(norm, 1e-6)
    half = round(KERNEL_SECONDS * RATE)
    n = len(unit)
    taper = np.exp(-0.5 * ((np.arange(half) + 0.5) / RATE / TAPER_SECONDS) ** 2)
    novelty = np.zeros(n)
    for k in range(1, n):
        # The checkerboard of a cosine matrix is |past|^2 + |future|^2 - 2 past . future of tapered sums of rows.
        reach = min(half, k, n - k)
        weight = taper[:reach, None]
        past, future = (unit[k - reach : k][::-1] * weight).sum(0), (unit[k : k + reach] * weight).sum(0)
        novelty[k] = float(((past - future) ** 2).sum()) / max(float(taper.sum()) ** 2, 1e-9) / 2
    at, _ = scipy.signal.find_peaks(
        np.r_[novelty, 0], height=NOVELTY / 2, prominence=PROMINENCE / 2, distance=max(1, round(shortest * RATE))
    )
    return at[(at / RATE >= shortest / 2) & ((n - at) / RATE >= shortest / 2)]


def _nearest(beats: NDArray[np.float64], time: float) -> float:
    """The beat nearest to `time`, or `time` where none is within half a row's second."""
    if not len(beats):
        return time
    beat = float(beats[np.argmin(np.abs(beats - time))])
    return beat if abs(beat - time) <= 0.5 else time


def _name(index: int) -> str:
    """A, B, ..., Z, AA, AB, ..."""
    letters = chr(ord("A") + index % 26)
    return letters if index < 26 else _name(index // 26 - 1) + letters
