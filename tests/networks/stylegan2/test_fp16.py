"""Half precision, on a CPU: close to float32, and sums that stay in its range whatever the weights."""

import pytest
import torch

from akma_core.networks.stylegan2.config import GeneratorConfig
from akma_core.networks.stylegan2.generator import Generator
from tests.support.stylegan2_golden import Golden


def test_golden_in_half_precision() -> None:
    golden = Golden("clamp")  # values up to the clamp, 256
    synthesis = golden.generator().synthesis
    synthesis.use_fp16()
    difference = (synthesis(golden["ws"]) - golden["img_const"]).abs()
    assert 0 < difference.max() < 3e-3
    assert difference.mean() < 5e-4
    synthesis.use_fp16(False)
    assert (synthesis(golden["ws"]) - golden["img_const"]).abs().max() < 2e-5


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_large_and_small_weights(architecture: str) -> None:
    """Demodulation cancels what half precision could not hold; 1e-8 beside small styles counts as in float32."""
    torch.manual_seed(0)
    cfg = GeneratorConfig.checked(
        {"z_dim": 8, "w_dim": 8, "img_resolution": 32, "channels": [24, 24, 24, 16], "architecture": architecture,
         "num_fp16_res": 4, "conv_clamp": 256.0}
    )  # fmt: skip
    generator = Generator(cfg)
    layers = [layer for block in generator.synthesis.blocks for layer in block.layers]
    for layer, size in zip(layers, (1.0, 1e4, 1e-4, 1e4, 1e-3, 1.0, 1.0), strict=True):
        layer.weight.mul_(size)
        layer.affine.bias.mul_(1e-2 if size < 1 else 1)
        layer.fold()
    ws = generator.mapping(torch.randn(2, 8))
    expected = generator.synthesis(ws)
    generator.synthesis.use_fp16()
    found = generator.synthesis(ws)
    assert found.isfinite().all()
    assert (found - expected).abs().max() < 5e-3 * expected.abs().max()
