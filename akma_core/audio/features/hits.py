"""Hits: the strokes that a listener moves to. Drums where a song has them, else every note."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from akma_core.audio.features.drums import CLASSES
from akma_core.audio.features.onset import Column, normalised, peaks

DRUM_PEAK = 0.5  # probability from which a stroke of one drum is an event
HAS_DRUMS = 0.3  # 99th percentile of the probability of a hit from which a song has drums
FLUX_SHARE, FLUX_LIMIT = 0.2, 1.5  # what percussive growth adds to twice the probability of a hit
HIT_DELTA, HIT_LEAST = 0.3, 0.9
NOTE_DELTA, NOTE_LEAST = 0.2, 0.3  # for songs without drums, of growth over its local scale
WEAKEST = 0.2  # strength of the faintest hit
STRENGTH_REACH = 3  # frames on both sides whose growth is the hit's strength


def drum_events(probability: Column) -> NDArray[np.float64]:
    """Strokes of one drum as [[time in s, probability]]: float64 [n, 2]."""
    return peaks(probability, 0.0, DRUM_PEAK)


def find_hits(onset: Column, percussive_flux: Column, drums: NDArray[np.float32]) -> NDArray[np.float64]:
    """Hits as [[time in s, strength 0..1]]: float64 [n, 2].

    `onset` and `percussive_flux` [n] are growths of all and of the percussive part, `drums` [n, 7] the
    probabilities of CLASSES. Strength is the growth at the hit over that of the strongest within seconds.
    """
    growth = normalised(onset)
    probability = drums[:, CLASSES.index("hit")]
    if len(probability) and np.percentile(probability, 99) >= HAS_DRUMS:
        flux = np.minimum(normalised(percussive_flux), FLUX_LIMIT)
        found = peaks(2 * probability + np.float32(FLUX_SHARE) * flux, HIT_DELTA, HIT_LEAST)
    else:
        found = peaks(growth, NOTE_DELTA, NOTE_LEAST)
    if len(found):
        strongest = maximum_filter1d(growth, 2 * STRENGTH_REACH + 1, mode="constant")
        frames = np.minimum(np.rint(found[:, 0] * 100).astype(np.int64), len(growth) - 1)
        found[:, 1] = np.clip(strongest[frames], WEAKEST, 1)
    return found
