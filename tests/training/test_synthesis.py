"""The synthesis that is trained is the one that is rendered, for both flavours; gradients reach every weight."""

import pytest
import torch

from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.file import build
from akma_core.networks.stylegan3.generator import Generator
from training.synthesis import TrainableSynthesis

SMALL = {"z_dim": 16, "w_dim": 16, "img_resolution": 32, "channel_base": 256, "channel_max": 16, "num_layers": 6}
R = {"conv_kernel": 1, "use_radial_filters": True}


@pytest.mark.parametrize("flavour", [{}, R, {"conv_clamp": None}, {"lrelu_upsampling": 1}], ids=str)
def test_renders_what_the_ordinary_generator_renders(flavour: dict[str, object]) -> None:
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig.model_validate(SMALL | flavour), compiled=False)
    for layer in generator.synthesis.layers:
        layer.magnitude_ema.fill_(1.7)
        layer.bias.normal_()
    ws = generator.mapping(torch.randn(3, 16))
    trained = TrainableSynthesis(generator, torch.float32)(ws)
    ordinary = build(generator.cfg, generator.state_dict(), compiled=False).synthesis(ws)
    assert ordinary.std() > 0.05
    torch.testing.assert_close(trained, ordinary, atol=1e-4, rtol=1e-4)


def test_reaches_every_weight() -> None:
    torch.manual_seed(0)
    generator = Generator(GeneratorConfig.model_validate(SMALL), compiled=False).requires_grad_(True)
    picture = TrainableSynthesis(generator, torch.float32)(generator.mapping(torch.randn(2, 16)), 0.5)
    picture.square().mean().backward()
    for name, weight in generator.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
    assert all(layer.magnitude_ema != 1 for layer in generator.synthesis.layers)
