from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from akma_core.media.yuv import rgb_to_yuv420


def exact(red: int, green: int, blue: int) -> tuple[Fraction, Fraction, Fraction]:
    """BT.709 in limited range, as its text has it."""
    r, g, b = (Fraction(value, 255) for value in (red, green, blue))
    y = Fraction(2126, 10000) * r + Fraction(7152, 10000) * g + Fraction(722, 10000) * b
    return (
        219 * y + 16,
        224 * (b - y) / Fraction(18556, 10000) + 128,
        224 * (r - y) / Fraction(15748, 10000) + 128,
    )


def reference(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """One picture's planes in floating point, chroma gathered sample by sample."""
    height, width, _ = rgb.shape
    x = rgb / 255
    y = x @ [0.2126, 0.7152, 0.0722]
    full = [224 * (x[..., 2] - y) / 1.8556 + 128, 224 * (x[..., 0] - y) / 1.5748 + 128]
    planes = [(219 * y + 16).ravel()]
    for chroma in full:
        for row in range(0, height, 2):
            for column in range(0, width, 2):
                pair = chroma[row : row + 2].mean(axis=0)
                left = pair[max(column - 1, 0)]
                planes.append(np.array([(left + 2 * pair[column] + pair[column + 1]) / 4]))
    return np.concatenate(planes).reshape(height * 3 // 2, width)


def flat(*colour: int) -> tuple[int, int, int]:
    picture = torch.tensor(colour, dtype=torch.uint8).expand(1, 4, 4, 3)
    planes = rgb_to_yuv420(picture)[0]
    y, u, v = ({*part.flatten().tolist()} for part in (planes[:4], planes[4], planes[5]))
    assert len(y) == len(u) == len(v) == 1
    return y.pop(), u.pop(), v.pop()


@given(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)))
def test_flat_colours_are_the_formula_rounded(colour: tuple[int, int, int]) -> None:
    for got, want in zip(flat(*colour), exact(*colour), strict=True):
        assert abs(got - want) <= Fraction(1, 2) + Fraction(1, 2000)


def test_primaries() -> None:
    assert flat(255, 0, 0) == (63, 102, 240)
    assert flat(0, 255, 0) == (173, 42, 26)
    assert flat(0, 0, 255) == (32, 240, 118)


@pytest.mark.parametrize("grey", range(256))
def test_greys_have_no_colour(grey: int) -> None:
    assert flat(grey, grey, grey) == (round(16 + Fraction(219 * grey, 255)), 128, 128)


@pytest.mark.parametrize(("height", "width"), [(2, 2), (2, 10), (16, 4), (24, 36)])
def test_every_sample_and_its_site(height: int, width: int) -> None:
    rgb = np.random.default_rng(height * width).integers(0, 256, (3, height, width, 3), dtype=np.uint8)
    planes = rgb_to_yuv420(torch.from_numpy(rgb)).numpy()
    assert planes.dtype == np.uint8
    for got, picture in zip(planes, rgb, strict=True):
        assert np.abs(got - reference(picture)).max() <= 0.5005


def test_a_frame_is_the_same_in_any_batch_and_layout() -> None:
    rgb = torch.randint(0, 256, (5, 32, 48, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    batch = rgb_to_yuv420(rgb)
    planar = rgb.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert torch.equal(rgb_to_yuv420(planar), batch)
    for i in range(5):
        assert torch.equal(rgb_to_yuv420(rgb[i : i + 1])[0], batch[i])
    assert rgb_to_yuv420(rgb[:0]).shape == (0, 48, 48)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same() -> None:
    rgb = torch.randint(0, 256, (3, 64, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(rgb_to_yuv420(rgb.cuda()).cpu(), rgb_to_yuv420(rgb))


def test_swscale_agrees_on_a_smooth_picture() -> None:
    y, x = np.mgrid[0:128, 0:192] / 30.0
    rgb = np.stack([np.sin(x), np.cos(y), np.sin(x + y)], axis=-1) * 110 + 128
    rgb = rgb.astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    theirs = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG").to_ndarray()
    ours = rgb_to_yuv420(torch.from_numpy(rgb[None]))[0].numpy()
    for rows in (slice(0, 128), slice(128, None)):
        error = np.mean((ours[rows].astype(float) - theirs[rows]) ** 2)
        assert 10 * np.log10(255**2 / error) > 48


@pytest.mark.parametrize("shape", [(1, 3, 4, 3), (1, 4, 3, 3), (1, 4, 4, 4), (4, 4, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"even size|expected"):
        rgb_to_yuv420(torch.zeros(shape, dtype=torch.uint8))


def test_floats_are_refused() -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        rgb_to_yuv420(torch.zeros(1, 4, 4, 3))
