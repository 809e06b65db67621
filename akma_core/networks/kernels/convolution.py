"""3x3 convolution with constant weights: Winograd's on a CPU in float32, the library's elsewhere."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import winograd
from .compiled import available, fused
from .epilogue import Epilogue


class Conv3x3(nn.Conv2d):
    """nn.Conv2d of 3x3, stride 1, padding 1, for inference; weights under the same names."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, 1, 1)
        self._transformed: Tensor | None = None
        self.register_load_state_dict_post_hook(Conv3x3._forget)  # type: ignore[no-untyped-call]

    def _forget(self, _keys: object) -> None:
        self._transformed = None

    def forward(self, x: Tensor, slope: Tensor | None = None, out: Tensor | None = None) -> Tensor:
        """[B, C_in, H, W] -> [B, C_out, H, W]: `out`, where given. What is below zero is multiplied by `slope` [C_out].

        Channels last, where both may be slices of more channels.
        """
        suits = min(self.in_channels, self.out_channels) >= winograd.LANES
        if suits and x.device.type == "cpu" and x.dtype == torch.float32:
            if self._transformed is None:
                self._transformed = winograd.transform_weight(self.weight.detach(), available())
            epilogue = Epilogue(bias=self.bias, slope=slope)
            return winograd.conv3x3(x, self._transformed, self.out_channels, 1, available(), epilogue, out=out)
        if fused(x):
            return self._finished(x, slope, out)
        y: Tensor = super().forward(x)
        if slope is not None:
            y = F.prelu(y, slope)
        return y if out is None else out.copy_(y)

    def _finished(self, x: Tensor, slope: Tensor | None, out: Tensor | None) -> Tensor:
        """The library's convolution, and the rest in one pass."""
        from . import sum_triton

        y = F.conv2d(x, self.weight, padding=1).contiguous(memory_format=torch.channels_last)
        return sum_triton.finish([y], self.bias, slope, out=y if out is None else out)
