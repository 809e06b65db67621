"""Class rows: the mean of the classes' walks by weight."""

import numpy as np
import pytest

from akma_core.modulation.walk import Walk

from .analyses import FPS, TOP, Network, Song, modulation_of, trajectory_of

FRAMES = 60
CURVE = np.linspace(0, 1, FRAMES)
SONG = Song(CURVE, ((0.5, 1.0),))
network = Network()
OWN = Walk(TOP, FRAMES, network)(0, FRAMES)


def ws(*rows: str) -> np.ndarray:
    return trajectory_of(modulation_of("constant -> walk.blend 1", *rows), SONG)(0, FRAMES).ws[:, 0]


def test_the_weights_are_shares_beside_the_own_class() -> None:
    # A class of this network is its own w moved on by three a class.
    assert ws("constant -> class:1 1") == pytest.approx(OWN + 1.5, abs=1e-5)
    assert ws("constant -> class:1 3") == pytest.approx(OWN + 2.25, abs=1e-5)
    assert ws("constant -> class:1 1", "constant -> class:2 2") == pytest.approx(OWN + 3 * 1.25, abs=1e-5)
    shares = CURVE / (1 + CURVE)
    assert ws("curve -> class:1 1") == pytest.approx(OWN + 3 * shares[:, None], abs=1e-5)


def test_a_row_of_the_own_class_takes_the_place_of_its_weight() -> None:
    assert ws("constant -> class:0 0", "constant -> class:2 1") == pytest.approx(OWN + 6, abs=1e-5)
    assert ws("constant -> class:0 0", "curve -> class:1 0") == pytest.approx(OWN, abs=1e-5)


def test_events_fade_to_another_class_and_chunks_agree() -> None:
    modulation = modulation_of("constant -> walk.blend 1", "hit -> class:1 1 decay=0.1")
    trajectory = trajectory_of(modulation, SONG)
    whole = trajectory(0, FRAMES).ws
    hit = round(0.5 * FPS)
    assert np.abs(whole[:hit, 0] - OWN[:hit]).max() < 1e-6
    assert whole[hit, 0] == pytest.approx(OWN[hit] + 1.5, abs=1e-5)
    assert (trajectory(10, 30).ws == whole[10:30]).all()
