"""StyleGAN2 as a kind of network: what planning and a device ask of it."""

from typing import Any

from .config import Block, GeneratorConfig

ABILITIES = ("layers",)
"""Targets of rows that it has: ws by layer; its input is a constant, and there is nothing to move."""
ANY_SIZE = False
WIDE = False
MOVES = False


def has_noise(config: dict[str, Any]) -> bool:
    """True unless it was trained without noise inputs."""
    return GeneratorConfig.checked(config).use_noise


def largest_layer(config: dict[str, Any]) -> int:
    """Bytes of one picture's largest layer in half precision where it is meant for it: input, convolution, result."""
    return max(map(_bytes, GeneratorConfig.checked(config).blocks))


def rates(config: dict[str, Any]) -> tuple[float, ...]:
    """Sampling rate of the layer that each row of ws feeds, samples a picture width; inf for the last ToRGB alone.

    ToRGB of a block and conv0 of the next share a row: it counts as the convolution's.
    """
    cfg = GeneratorConfig.checked(config)
    found = [float("inf")] * cfg.num_ws
    for block in cfg.blocks:
        for k in range(len(block.convolutions)):
            found[block.first_w + k] = float(block.resolution)
    return tuple(found)


def _bytes(block: Block) -> int:
    below = block.in_channels * block.height * block.width // 4
    numbers = below + 3 * block.channels * block.height * block.width  # conv0's and conv1's results, and one in work
    return numbers * (2 if block.use_fp16 else 4)
