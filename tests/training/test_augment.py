"""Augmentation: none at p = 0, what it should be at p = 1, and p goes where the discriminator's sureness is right."""

import torch

from training.augment import P_MOST, Augmentation, _colour, _move


def test_nothing_at_zero() -> None:
    x = torch.randn(4, 3, 16, 16)
    assert Augmentation(0.6, 1000)(x) is x
    torch.testing.assert_close(_move(x, 0.0), x, atol=1e-5, rtol=0)
    torch.testing.assert_close(_colour(x, 0.0), x, atol=1e-5, rtol=0)


def test_moves_flip_and_shift() -> None:
    torch.manual_seed(0)
    ramp = torch.linspace(-1, 1, 16).expand(400, 3, 16, 16)
    moved = _move(ramp, 1.0)
    across = moved[:, 0, 8, 9] - moved[:, 0, 8, 7]
    assert 0.3 < (across < 0).float().mean() < 0.7
    # Rows are alike, so that shifts up and down change nothing; those across keep what is in the picture.
    torch.testing.assert_close(moved[:, :, 0], moved[:, :, 9], atol=1e-4, rtol=0)
    assert moved.abs().max() <= 1 + 1e-5
    assert moved[:, 0, 8, 8].std() > 0.1


def test_colours_turn_about_grey() -> None:
    torch.manual_seed(0)
    grey = torch.full((300, 3, 2, 2), 0.2)
    changed = _colour(grey, 1.0)
    torch.testing.assert_close(changed[:, :1].expand_as(changed), changed, atol=1e-5, rtol=0)
    assert 0.1 < changed[:, 0, 0, 0].std() < 0.6
    red = torch.zeros(300, 3, 2, 2)
    red[:, 0] = 1
    channel = _colour(red, 1.0)[:, :, 0, 0].argmax(1)
    assert all((channel == k).float().mean() > 0.2 for k in range(3))


def test_gradients_pass() -> None:
    torch.manual_seed(0)
    x = torch.randn(4, 3, 16, 16, requires_grad=True)
    Augmentation(0.6, 1000, p=0.8)(x).square().sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_p_follows_the_signs() -> None:
    augment = Augmentation(0.6, 160)
    for _ in range(8):
        augment.observe(torch.ones(4))
    assert (augment.p, augment.r_t) == (0.2, 1)
    for _ in range(400):
        augment.observe(torch.ones(4))
    assert augment.p == P_MOST
    for _ in range(400):
        augment.observe(torch.tensor([1.0, -1, 1, 1]))  # mean sign 0.5
    assert (augment.p, augment.r_t) == (0, 0.5)
