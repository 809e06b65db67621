"""Notes without drums: found where they begin, also those that take a tenth of a second to rise."""

import numpy as np
import pytest
from numpy.typing import NDArray

from akma_core.audio.features.analysis import analyse
from akma_core.audio.features.bands import BANDS
from akma_core.audio.features.convolutions import context
from akma_core.audio.features.notes import DILATIONS, note_probability

RATE = 22_050
KEYS = (55, 58, 62, 57, 60, 65, 53, 62, 58, 64)


def held_notes(times: NDArray[np.float64], attack: float, seconds: float) -> NDArray[np.float32]:
    """Notes with vibrato, one after another, each over its predecessor's end."""
    out = np.zeros(round(seconds * RATE))
    ends = [*times[1:], seconds - 0.5]
    for k, (start, end) in enumerate(zip(times, ends, strict=True)):
        t = np.arange(round((end - start + 0.3) * RATE)) / RATE
        hertz = 440 * 2 ** ((KEYS[k % len(KEYS)] - 69) / 12)
        phase = 2 * np.pi * hertz * (t + 0.003 / (2 * np.pi * 5) * np.sin(2 * np.pi * 5 * t))
        sound = sum(np.sin(n * phase) / n for n in range(1, 9))
        envelope = np.minimum(1, t / attack) * np.minimum(1, (t[-1] - t) / 0.3)
        first = round(start * RATE)
        out[first : first + len(t)] += (0.1 * sound * envelope)[: len(out) - first]
    return out.astype(np.float32)


@pytest.mark.parametrize("attack", [0.01, 0.1])
def test_notes_are_hits_where_they_begin(attack: float) -> None:
    times = 0.5 + np.cumsum(np.random.default_rng(2).uniform(0.35, 0.7, 24))
    found = analyse([held_notes(times, attack, times[-1] + 1.5)], RATE, {"hits"}).events["hits"][:, 0]
    near = np.abs(found[:, None] - times) <= 0.045
    assert near.any(axis=0).mean() >= 0.9  # notes that are hits
    assert near.any(axis=1).mean() >= 0.85  # hits that are notes


def test_a_frame_depends_on_its_context_alone() -> None:
    bands = np.random.default_rng(0).random((900, BANDS), np.float32) * np.float32(0.02)
    whole, reach = note_probability(bands), context(DILATIONS)
    part = note_probability(bands[100 : 401 + reach])
    assert whole.shape == (900,)
    assert whole.dtype == np.float32
    assert ((whole >= 0) & (whole <= 1)).all()
    assert part[reach:301] == pytest.approx(whole[100 + reach : 401], abs=1e-4)
    assert np.abs(note_probability(bands * np.float32(0.5)) - whole).max() > 1e-3
