"""Energy of pictures."""

import numpy as np
import pytest
from numpy.typing import NDArray

from akma_core.media.energy import energies

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (96, 128, 3)).astype(np.float64)


def picture(contrast: float, colour: float = 1.0) -> NDArray[np.uint8]:
    blocks = np.kron(NOISE[::8, ::8], np.ones((8, 8, 1)))
    grey = blocks.mean(2, keepdims=True)
    shown: NDArray[np.uint8] = np.clip(128 + contrast * (grey + colour * (blocks - grey) - 128), 0, 255).astype(
        np.uint8
    )
    return shown


def test_more_contrast_detail_or_colour_is_more_energy() -> None:
    found = energies([picture(0.1), picture(0.5), picture(1.0)])
    assert (np.diff(found) > 0).all()
    assert found[1] == pytest.approx(1.0)
    grey, coloured = energies([picture(0.5, 0.0), picture(0.5, 1.0)])
    assert coloured > grey
    smooth = np.broadcast_to(np.linspace(0, 255, 128)[None, :, None], (96, 128, 3)).astype(np.uint8)
    calm, busy = energies([smooth, picture(1.0, 0.0)])
    assert busy > calm


def test_flat_pictures_have_a_finite_energy() -> None:
    found = energies([np.zeros((16, 16, 3), np.uint8), picture(1.0)])
    assert np.isfinite(found).all()
    assert found[0] < found[1]
