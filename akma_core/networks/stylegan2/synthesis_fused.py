"""The synthesis network on a GPU: convolutions of the library, and one Triton pass after each for all the rest.

The pass knows the layer that follows: it multiplies by its style, and makes the block's colours while it has the
pixels, so that no layer's result is read twice.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .epilogue_triton import Colours, finish, finish_coloured
from .layers import SynthesisLayer

if TYPE_CHECKING:
    from .synthesis import SynthesisBlock


def picture(blocks: "list[SynthesisBlock]", ws: Tensor, mode: str, seeds: Tensor | None) -> Tensor:
    """[B, num_ws, w_dim] -> [B, img_channels, H, W], as SynthesisNetwork.forward, of the architecture skip."""
    order = [(block, layer) for block in blocks for layer in block.layers]
    made = [layer.epilogue(layer.style(ws[:, layer.index]), mode, seeds) for _, layer in order]
    x = blocks[0].const.expand(len(ws), -1, -1, -1) * made[0][0][:, :, None, None]
    x = x.to(_dtype(order[0][1])).contiguous(memory_format=torch.channels_last)
    shown: Tensor | None = None
    for k, (block, layer) in enumerate(order):
        following = order[k + 1][1] if k + 1 < len(order) else None
        style = made[k + 1][0] if following else None
        dtype = _dtype(following) if following else None
        taps = layer.convolution.taps if layer.convolution.up else None
        y, epilogue = layer.convolution.product(x), made[k][1]
        if layer is not block.layers[-1]:
            x = finish(y, epilogue, taps, style=style, dtype=dtype)
            continue
        colours = block.torgb
        weights = colours.weights(ws[:, layer.index + 1])
        under = Colours(weights, colours.bias, colours.clamp, shown, colours.taps)
        out, shown = finish_coloured(y, epilogue, under, taps, style=style, dtype=dtype)
        x = x if out is None else out
    assert shown is not None
    return shown


def _dtype(layer: SynthesisLayer) -> torch.dtype:
    return torch.float16 if layer.fp16 else torch.float32
