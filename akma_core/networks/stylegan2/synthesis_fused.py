"""The synthesis network on a GPU: convolutions of the library, and one Triton pass after each for all the rest.

The pass knows the layer that follows: it multiplies by its style, and makes the block's colours while it has the
pixels, so that no layer's result is read twice.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .epilogue_triton import Colours, finish, finish_coloured
from .layers import SynthesisLayer, ToRGB


def picture(
    const: Tensor, order: Sequence[tuple[SynthesisLayer, ToRGB | None]], ws: Tensor, mode: str, seeds: Tensor | None
) -> Tensor:
    """[B, num_ws, w_dim] -> [B, img_channels, H, W], as SynthesisNetwork.forward, of the architecture skip.

    `const` [C, h, w] goes into the first layer; `order`: layers, each with what makes colours of its result.
    """
    made = [layer.epilogue(layer.style(ws[:, layer.index]), mode, seeds) for layer, _ in order]
    x = const * made[0][0][:, :, None, None]
    x = x.to(_dtype(order[0][0])).contiguous(memory_format=torch.channels_last)
    shown: Tensor | None = None
    for k, (layer, torgb) in enumerate(order):
        following = order[k + 1][0] if k + 1 < len(order) else None
        style = made[k + 1][0] if following else None
        dtype = _dtype(following) if following else None
        taps = layer.convolution.taps if layer.convolution.up else None
        y, epilogue = layer.convolution.product(x), made[k][1]
        if torgb is None:
            x = finish(y, epilogue, taps, style=style, dtype=dtype)
            continue
        weights = torgb.weights(ws[:, layer.index + 1])
        colours = Colours(weights, torgb.bias, torgb.clamp, shown, torgb.taps)
        out, shown = finish_coloured(y, epilogue, colours, taps, style=style, dtype=dtype)
        x = x if out is None else out
    assert shown is not None
    return shown


def _dtype(layer: SynthesisLayer) -> torch.dtype:
    return torch.float16 if layer.fp16 else torch.float32
