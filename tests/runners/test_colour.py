import numpy as np
import torch

from runners.colour import graded

PICTURES = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (3, 3, 8, 8)).astype(np.float32))


def factors(exposure: float = 1, contrast: float = 1, saturation: float = 1) -> torch.Tensor:
    return torch.tensor([[exposure, contrast, saturation]] * 3, dtype=torch.float32)


def test_factors_of_one_change_nothing() -> None:
    assert (graded(PICTURES, factors()) - PICTURES).abs().max() < 1e-5


def test_exposure_scales_linear_light() -> None:
    x = (PICTURES.double().numpy() + 1) / 2
    linear = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4) * 0.5
    expected = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055) * 2 - 1
    assert np.abs(graded(PICTURES, factors(exposure=0.5)).numpy() - expected).max() < 1e-5
    assert (graded(PICTURES, factors(exposure=0)) + 1).abs().max() < 1e-6


def test_contrast_is_around_middle_grey_and_saturation_around_luma() -> None:
    assert (graded(PICTURES, factors(contrast=0.5)) - PICTURES / 2).abs().max() < 1e-5
    grey = graded(PICTURES, factors(saturation=0))
    luma = (PICTURES * torch.tensor([0.2126, 0.7152, 0.0722])[:, None, None]).sum(1)
    assert all((grey[:, k] - luma).abs().max() < 1e-5 for k in range(3))


def test_each_picture_has_its_own() -> None:
    mixed = factors()
    mixed[1, 0] = 0.3
    got = graded(PICTURES, mixed)
    assert torch.equal(got[:1], graded(PICTURES[:1], mixed[:1]))
    assert torch.equal(got[1:2], graded(PICTURES[1:2], mixed[1:2]))
