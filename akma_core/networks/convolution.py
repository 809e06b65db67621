"""3x3 convolution with constant weights: Winograd's on a CPU in float32, the library's elsewhere."""

import torch
from torch import Tensor, nn

from . import winograd
from .compiled import available


class Conv3x3(nn.Conv2d):
    """nn.Conv2d of 3x3, stride 1, padding 1, for inference; weights under the same names."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, 1, 1)
        self._transformed: Tensor | None = None
        self.register_load_state_dict_post_hook(Conv3x3._forget)  # type: ignore[no-untyped-call]

    def _forget(self, _keys: object) -> None:
        self._transformed = None

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C_out, H, W]; channels last, where it may be a slice of more channels."""
        suits = min(self.in_channels, self.out_channels) >= winograd.LANES
        if not suits or x.device.type != "cpu" or x.dtype != torch.float32:
            y: Tensor = super().forward(x)
            return y
        if self._transformed is None:
            self._transformed = winograd.transform_weight(self.weight.detach())
        y = winograd.conv3x3(x, self._transformed, self.out_channels, 1, available())
        assert self.bias is not None
        return y.add_(self.bias[:, None, None])
