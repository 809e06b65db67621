"""Hits: the strokes that a listener moves to. Drums where a song has them, else every note."""

import numpy as np
import scipy
from numpy.typing import NDArray

from akma_core.audio.features.column import FRAME_RATE, Column
from akma_core.audio.features.drums import CLASSES
from akma_core.audio.features.onset import normalised, peaks

DRUM_PEAK = 0.5  # probability from which a stroke of one drum is an event
SOME_HITS, SOME_DRUMS = 0.38, 0.42  # what `has_drums` asks of probabilities
HIT_SHARE, HIT_FLOOR = (
    0.6,
    0.5,
)  # least probability of a hit over the song's own 99th percentile, which counts at least 0.5
NOTE_SPREAD = 0.015  # s, deviation of the Gaussian that joins what the network says of one note in several frames
NOTE_DELTA, NOTE_LEAST = 0.035, 0.38  # of the joined probability
WEAKEST = 0.2  # strength of the faintest hit
STRENGTH_REACH = 3  # frames on both sides whose growth is the hit's strength


def drum_events(probability: Column) -> NDArray[np.float64]:
    """Strokes of one drum as [[time in s, probability]]: float64 [n, 2]."""
    return peaks(probability, 0.0, DRUM_PEAK)


def find_hits(onset: Column, drums: NDArray[np.float32], notes: Column) -> NDArray[np.float64]:
    """Hits as [[time in s, strength 0..1]]: float64 [n, 2].

    `onset` [n] is the growth of all bands, `drums` [n, 7] the probabilities of CLASSES, `notes` [n] those that a note
    begins. Strength is the growth at the hit over that of the strongest within seconds.
    """
    if not len(drums):
        return np.zeros((0, 2))
    growth = normalised(onset)
    if has_drums(drums):
        # A kit unlike those of the training makes every probability small: the song's own are the measure.
        hit = drums[:, CLASSES.index("hit")]
        found = peaks(hit / max(float(np.percentile(hit, 99)), HIT_FLOOR), 0.0, HIT_SHARE)
    else:
        # A slow attack has no steepest point: the network knows its onset to some frames only.
        joined = scipy.ndimage.gaussian_filter1d(notes, NOTE_SPREAD * FRAME_RATE, mode="constant")
        found = peaks(joined, NOTE_DELTA, NOTE_LEAST)
    strongest = scipy.ndimage.maximum_filter1d(growth, 2 * STRENGTH_REACH + 1, mode="constant")
    frames = np.minimum(np.rint(found[:, 0] * FRAME_RATE).astype(np.int64), len(growth) - 1)
    found[:, 1] = np.clip(strongest[frames], WEAKEST, 1)
    return found


def has_drums(drums: NDArray[np.float32]) -> bool:
    """Tell whether a song has a drum kit. A piano's bass is taken for kicks, but nothing in it for a hat."""
    hit = float(np.percentile(drums[:, CLASSES.index("hit")], 99))
    hat = float(np.percentile(drums[:, CLASSES.index("hat")], 99.5))
    return hit >= SOME_HITS and (hit + hat) / 2 >= SOME_DRUMS
