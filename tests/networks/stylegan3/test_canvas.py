"""Wide canvases: the square's part is the square picture, on every side and by every form of the kernels."""

import numpy as np
import pytest
import torch

from akma_core.networks import builtin, kinds
from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.filtered_lrelu import FilteredLeakyReLU
from akma_core.networks.stylegan3.generator import Generator

INK = 0.1  # of 255 levels
LEVELS = 127.5


def centre(picture: torch.Tensor, side: int) -> torch.Tensor:
    top, left = ((size - side) // 2 for size in picture.shape[2:])
    return picture[:, :, top : top + side, left : left + side]


@pytest.fixture(scope="module")
def ink() -> Generator:
    generator: Generator = kinds.load(builtin.find("ink")[0])
    return generator


@pytest.mark.parametrize("canvas", [(30, 16), (16, 30)])
def test_inks_square_is_in_the_wide_picture(ink: Generator, canvas: tuple[int, int]) -> None:
    with torch.inference_mode():
        ws = ink.mapping(torch.randn(1, ink.z_dim, generator=torch.Generator().manual_seed(3)))
        square, wide = ink.synthesis(ws), ink.synthesis(ws, canvas=canvas)
    assert wide.shape == (1, 3, canvas[1] * 16, canvas[0] * 16)
    assert float((centre(wide, 256) - square).abs().max()) * LEVELS <= INK
    assert float(wide.std()) == pytest.approx(float(square.std()), rel=0.3)


def test_a_part_of_the_picture_is_its_middle(ink: Generator) -> None:
    with torch.inference_mode():
        ws = ink.mapping(torch.randn(1, ink.z_dim, generator=torch.Generator().manual_seed(3)))
        wide, part = (ink.synthesis(ws, canvas=(20, rows)) for rows in (16, 12))
    assert part.shape == (1, 3, 192, 320)
    assert float((part - wide[:, :, 32:-32]).abs().max()) * LEVELS <= INK


@pytest.mark.parametrize("kernel", [1, 3])
def test_compiled_and_plain_agree_on_a_canvas(kernel: int) -> None:
    cfg = GeneratorConfig(
        z_dim=8, w_dim=8, img_resolution=32, channel_base=512, channel_max=16, conv_kernel=kernel,
        use_radial_filters=kernel == 1,
    )  # fmt: skip
    torch.manual_seed(0)
    plain = Generator(cfg, compiled=False)
    compiled = Generator(cfg, compiled=True)
    compiled.load_state_dict(plain.state_dict())
    with torch.inference_mode():
        ws = plain.mapping(torch.randn(2, 8))
        one, other = (each.synthesis(ws, canvas=(20, 28)) for each in (plain, compiled))
    assert one.shape == (2, 3, 56, 40)
    assert float((one - other).abs().max()) < 1e-4 * float(one.abs().max())


@pytest.mark.parametrize("radial", [False, True])
def test_a_larger_input_gives_the_same_inner_samples(radial: bool) -> None:
    cfg = GeneratorConfig(
        z_dim=8, w_dim=8, img_resolution=64, conv_kernel=1 if radial else 3, use_radial_filters=radial
    )
    for layer in cfg.layers[:-1]:
        activation = FilteredLeakyReLU(layer, 0.9, compiled=True)
        more = 8 // layer.up * layer.down, 16 // layer.up * layer.down
        high, wide = (layer.conv_size + extra for extra in more)
        x = torch.randn(1, 5, high, wide, generator=torch.Generator().manual_seed(layer.index))
        scale, bias = torch.ones(1, 5), torch.zeros(5)
        got, plain = activation(x, scale, bias, scale), activation.reference(x, scale, bias, scale)
        rows, columns = (layer.out_size + extra * layer.up // layer.down for extra in more)
        assert got.shape == plain.shape == (1, 5, rows, columns)
        assert np.abs((got - plain).numpy()).max() < 5e-6
