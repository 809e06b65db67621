"""StyleGAN3 as a kind of network: what planning and a device ask of it."""

from typing import Any

from .config import GeneratorConfig, Layer, ws_rates

ABILITIES = ("layers", "camera")
"""Targets of rows that it has: ws by layer, and a grid of the input that can be moved and turned."""
ANY_SIZE = False
WIDE = True
"""Its coordinates go on beyond the square."""
MOVES = False


def has_noise(_config: dict[str, Any]) -> bool:
    """False: it has no noise inputs."""
    return False


def largest_layer(config: dict[str, Any]) -> int:
    """Bytes of one picture's largest layer in half precision where it is meant for it: input, convolution, result."""
    return max(map(_bytes, GeneratorConfig.from_init_kwargs(config).layers))


def rates(config: dict[str, Any]) -> tuple[float, ...]:
    """Sampling rate of the layer that each row of ws feeds, samples a picture width; see config.ws_rates."""
    return ws_rates(GeneratorConfig.from_init_kwargs(config).layers)


def _bytes(layer: Layer) -> int:
    numbers = layer.in_channels * layer.in_size**2 + layer.out_channels * (layer.conv_size**2 + layer.out_size**2)
    return numbers * (2 if layer.use_fp16 else 4)
