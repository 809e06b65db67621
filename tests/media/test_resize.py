"""Pictures of another size keep their shape and their colours."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akma_core.media.resize import fill, resize


def ramp(height: int, width: int) -> torch.Tensor:
    """Red grows to the right, green downwards."""
    x = torch.linspace(0, 250, width).expand(height, width)
    y = torch.linspace(0, 250, height)[:, None].expand(height, width)
    return torch.stack([x, y, torch.full_like(x, 40)], 2)[None].to(torch.uint8)


@settings(max_examples=40, deadline=None)
@given(h=st.integers(2, 40), w=st.integers(2, 40), height=st.integers(1, 60), width=st.integers(1, 60))
def test_fill_gives_the_size_and_no_other_colour(h: int, w: int, height: int, width: int) -> None:
    flat = torch.tensor([7, 130, 255], dtype=torch.uint8).expand(2, h, w, 3)
    out = fill(flat, height, width)
    assert out.shape == (2, height, width, 3)
    assert (out == flat[0, 0, 0]).all()


def test_fill_cuts_what_stands_over_in_the_middle() -> None:
    out = fill(ramp(64, 64), 32, 64)
    assert out[0, 0, 0, 1] == pytest.approx(250 * 16 / 64, abs=3)
    assert out[0, -1, 0, 1] == pytest.approx(250 * 48 / 64, abs=3)
    assert (out[0, :, :, 0] == ramp(64, 64)[0, :32, :, 0]).all(), "across nothing was changed"


def test_an_odd_pixel_is_cut_and_nothing_resampled() -> None:
    picture = torch.randint(0, 256, (1, 65, 33, 3), dtype=torch.uint8)
    assert (fill(picture, 64, 32) == picture[:, :64, :32]).all()


def test_resize_there_and_back() -> None:
    picture = ramp(32, 48)
    assert resize(picture, 32, 48) is picture
    back = resize(resize(picture, 96, 144), 32, 48)
    assert (back.int() - picture.int()).abs().max() <= 2


def test_smaller_is_averaged_and_not_picked() -> None:
    stripes = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    stripes[:, :, ::2] = 200
    assert (resize(stripes, 16, 16).int() - 100).abs().max() <= 8
