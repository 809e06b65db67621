"""The distance: nothing between a set and itself, the formula's, and larger the more pictures differ."""

import numpy as np
import pytest
import torch
from scipy import linalg

from training.distance import Distance, features_of, frechet


def test_none_to_itself() -> None:
    pictures = torch.rand(100, 3, 16, 16) * 2 - 1
    assert Distance(pictures).of(pictures) == pytest.approx(0, abs=1e-6)
    assert features_of(pictures).shape == (100, 80)


def test_is_the_formula() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 6)), rng.normal(size=(50, 6)) * 2 + 1
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root.real)
    found = frechet((a.mean(0), covariances[0]), (b.mean(0), covariances[1]))
    assert found == pytest.approx(expected, rel=1e-6)


def test_knows_colour_texture_and_sameness() -> None:
    torch.manual_seed(0)
    real = torch.randn(300, 3, 16, 16).mul(0.2) + torch.randn(300, 3, 1, 1).mul(0.2)
    other = torch.randn(300, 3, 16, 16).mul(0.2) + torch.randn(300, 3, 1, 1).mul(0.2)
    distance = Distance(real)
    nearest = distance.of(other)
    smooth = torch.nn.functional.avg_pool2d(other, 3, 1, 1)
    for worse in (other + 0.3, smooth, other[:1].expand(300, -1, -1, -1)):
        assert distance.of(worse) > 3 * nearest
