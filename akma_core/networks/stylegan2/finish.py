"""What follows a convolution, in one pass: demodulation, noise, bias, leaky ReLU and clamp."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

SLOPE = 0.2


@dataclass(frozen=True)
class Finish:
    """clamp(lrelu(x * scale + noise + bias)); the activation's gain is in the three already."""

    scale: Tensor
    """[B, C], float32, like all here."""
    bias: Tensor
    """[C]."""
    noise: Tensor | None
    """[1 or B, H, W], or None for no noise."""
    clamp: float | None

    def __call__(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same, which may be `x` itself; float16 stays float16, computed in float32."""
        dtype = x.dtype
        y = x.to(torch.float32).mul_(self.scale[:, :, None, None])
        if self.noise is not None:
            y.add_(self.noise[:, None])
        y = F.leaky_relu_(y.add_(self.bias[:, None, None]), SLOPE)
        if self.clamp is not None:
            y = y.clamp_(-self.clamp, self.clamp)
        return y.to(dtype)
