"""The 3x3 convolutions of a StyleGAN2 with constant weights: one that keeps the size, one that doubles it.

On a CPU in float32 Winograd's form does both (kernels/winograd.py, transposed_numba.py), except on the smallest
pictures, where reading the transformed weights would take longer than the multiplications they save. Where there is AMX
(transposed_amx.py, kernels/convolution_amx.py) it doubles sizes, and does small pictures.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akma_core.networks.kernels import winograd
from akma_core.networks.kernels.compiled import fused, has_amx
from akma_core.networks.kernels.epilogue import Epilogue

from . import filters, transposed

SMALL = 8  # pixels a side of the input, at most: matrix products with the weights as they are
SMALL_AMX = 4  # the same where there is AMX, and
KEPT_AMX = 16  # the most that it convolves at their size: larger ones are as fast by Winograd's form
TRANSFORMED = 128  # channels at least for Winograd's form in plain torch: with fewer its transforms cost what it saves

FUSED_TAPS = 4  # of every published network's filter; others take plain torch


class Convolution(nn.Module):
    """epilogue(convolution of x * style); `up` makes pictures of twice the size and filters them with `taps`."""

    weight: Tensor

    def __init__(self, up: bool, taps: Sequence[float], compiled: bool) -> None:
        super().__init__()
        self.up, self.taps, self.compiled = up, tuple(taps), compiled
        self.register_buffer("weight", torch.empty(0), persistent=False)
        self._arranged: Tensor | None = None

    def set_weight(self, weight: Tensor) -> None:
        """[C_out, C_in, 3, 3], of the dtype to compute in."""
        layout = torch.contiguous_format if weight.dtype == torch.float32 else torch.channels_last
        self.weight = weight.contiguous(memory_format=layout)
        self._arranged = None

    def forward(self, x: Tensor, style: Tensor, epilogue: Epilogue) -> Tensor:
        """[B, C_in, h, w] times `style` [B, C_in] -> [B, C_out, H, W], channels last."""
        cpu = x.device.type == "cpu" and x.dtype == torch.float32
        small = SMALL_AMX if self._amx() else SMALL
        if cpu and max(x.shape[2:]) > small and min(self.weight.shape[:2]) >= winograd.LANES:
            return self._upsampled(x, style, epilogue) if self.up else self._kept(x, style, epilogue)
        x = x * style[:, :, None, None].to(x.dtype)
        if fused(x):
            return self._finished(x, epilogue)
        y = self._small(x) if cpu and max(x.shape[2:]) <= small else self.convolve(x)
        return epilogue(y.to(torch.float32)).to(x.dtype)

    def _amx(self) -> bool:
        return self.compiled and has_amx()

    def _finished(self, x: Tensor, epilogue: Epilogue) -> Tensor:
        """The library's convolution, and the rest in one pass."""
        from . import epilogue_triton

        if self.up and len(self.taps) == FUSED_TAPS:
            return epilogue_triton.finish(self.product(x), epilogue, self.taps)
        return epilogue_triton.finish(self.convolve(x), epilogue)

    def convolve(self, x: Tensor) -> Tensor:
        """The convolution alone, as the library does it; for `up` transposed, and then filtered."""
        y = self.product(x)
        return filters.blur(y, self.taps) if self.up else y

    def product(self, x: Tensor) -> Tensor:
        """[B, C_in, h, w] -> [B, C_out, h, w]; for `up` [B, C_out, 2h + 1, 2w + 1], before the filter."""
        if not self.up:
            return F.conv2d(x, self.weight, padding=1)
        return F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)

    def _small(self, x: Tensor) -> Tensor:
        """As `convolve`, by one product of matrices, so that the weights are read once and not rearranged."""
        batch, channels, height, width = x.shape
        if not self.up:
            y = self.weight.flatten(1) @ F.unfold(x, 3, padding=1)
            return y.view(batch, -1, height, width)
        if self._arranged is None:
            self._arranged = self.weight.permute(0, 2, 3, 1).flatten(0, 2).contiguous()  # [C_out * 9, C_in]
        products = self._arranged @ x.reshape(batch, channels, -1)
        spread = F.fold(products, (2 * height + 1, 2 * width + 1), 3, stride=2)
        return filters.blur(spread, self.taps)

    def _kept(self, x: Tensor, style: Tensor, epilogue: Epilogue) -> Tensor:
        if not self.compiled and min(self.weight.shape[:2]) < TRANSFORMED:
            return self._direct(x, style, epilogue)
        if self._amx() and max(x.shape[2:]) <= KEPT_AMX:
            from akma_core.networks.kernels import convolution_amx

            if self._arranged is None:
                self._arranged = convolution_amx.pack(self.weight)
            return convolution_amx.conv3x3(x, self._arranged, len(self.weight), 1, epilogue, style=style)
        if self._arranged is None:
            self._arranged = winograd.transform_weight(self.weight, self.compiled)
        return winograd.conv3x3(x, self._arranged, len(self.weight), 1, self.compiled, epilogue, style=style)

    def _direct(self, x: Tensor, style: Tensor, epilogue: Epilogue) -> Tensor:
        """The library's convolution a picture, its few weights being multiplied instead of many pixels."""
        x = x.contiguous(memory_format=torch.channels_last)
        pictures = []
        for k in range(len(x)):
            weight = self.weight * style[k, :, None, None]
            if epilogue.scale is not None:
                weight *= epilogue.scale[k, :, None, None, None]
            y = F.conv2d(x[k : k + 1], weight.contiguous(memory_format=torch.channels_last), epilogue.bias, padding=1)
            pictures.append(epilogue.rest(k, 0, y.shape[2])(y))
        return torch.cat(pictures) if len(pictures) > 1 else pictures[0]

    def _upsampled(self, x: Tensor, style: Tensor, epilogue: Epilogue) -> Tensor:
        if self.compiled and len(self.taps) == FUSED_TAPS:
            if self._amx():
                from .transposed_amx import pack, upsample3x3
            else:
                from .transposed_numba import pack, upsample3x3
            if self._arranged is None:
                self._arranged = pack(self.weight)
            return upsample3x3(x, self._arranged, len(self.weight), self.taps, style, epilogue)
        if self._arranged is None:
            self._arranged = transposed.arranged(self.weight)
        return transposed.upsample3x3(x, self._arranged, self.taps, style, epilogue)
