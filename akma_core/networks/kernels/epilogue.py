"""The epilogue of a convolution, computed in the same pass: scale, noise, bias, leaky ReLU and clamp."""

from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Epilogue:
    """clamp(lrelu(result * scale + noise + bias)), each only where it is given; tensors are float32."""

    scale: Tensor | None = None
    """[B, C]."""
    bias: Tensor | None = None
    """[C]."""
    noise: Tensor | None = None
    """[1 or B, H, W]: the same for every channel."""
    slope: Tensor | float | None = None
    """[C], or one for all: multiplies what is below zero."""
    clamp: float | None = None

    def __call__(self, y: Tensor) -> Tensor:
        """In plain torch and in place, [B, C, H, W] float32."""
        if self.scale is not None:
            y *= self.scale[:, :, None, None]
        if self.noise is not None:
            y += self.noise[:, None]
        if self.bias is not None:
            y += self.bias[:, None, None]
        if isinstance(self.slope, float):
            y = F.leaky_relu_(y, self.slope)
        elif self.slope is not None:
            y.copy_(F.prelu(y, self.slope))
        return y if self.clamp is None else y.clamp_(-self.clamp, self.clamp)

    def part(self, picture: int, first: int, last: int) -> "Epilogue":
        """Of rows first..last of one picture."""
        scale = None if self.scale is None else self.scale[picture : picture + 1]
        noise = None if self.noise is None else self.noise[picture % len(self.noise)][None, first:last]
        return replace(self, scale=scale, noise=noise)

    def rest(self, picture: int, first: int, last: int) -> "Epilogue":
        """As `part`, of a convolution whose weights have the scale in them and that has added the bias."""
        return replace(self.part(picture, first, last), scale=None, bias=None)
