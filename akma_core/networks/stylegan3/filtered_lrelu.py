"""The filtered leaky ReLU: upsample, activate, downsample, so that the nonlinearity makes no aliases.

Karras et al. 2021, section 3.1. Three forms of the same arithmetic: compiled for a CPU (filtered_lrelu_numba.py), for a
GPU (filtered_lrelu_triton.py), each where it applies; else plain torch, depthwise convolutions on any device.
"""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akma_core.networks.kernels.compiled import TRITON, fused

from .config import Layer
from .filters import lowpass, radial_lowpass

if TYPE_CHECKING:
    from . import filtered_lrelu_triton

SLOPE = 0.2


class FilteredLeakyReLU(nn.Module):
    """down(clamp(lrelu(up(x * scale + bias)))) * out_scale; its filters follow from the layer's geometry."""

    up_filter: Tensor
    down_filter: Tensor

    def __init__(self, layer: Layer, clamp: float | None, compiled: bool = False) -> None:
        super().__init__()
        self.layer = layer
        self.clamp = clamp
        up = lowpass(layer.up_taps, layer.in_cutoff, layer.in_half_width, layer.tmp_rate)
        design = radial_lowpass if layer.radial else lowpass
        down = design(layer.down_taps, layer.out_cutoff, layer.out_half_width, layer.tmp_rate)
        self.register_buffer("up_filter", torch.from_numpy(up), persistent=False)
        self.register_buffer("down_filter", torch.from_numpy(down), persistent=False)
        self.plan = None
        self._gpu_plans: dict[tuple[torch.dtype, torch.device], filtered_lrelu_triton.Plan | None] = {}
        published = layer.up in (2, 4) and layer.down == 2 and layer.up_taps == 6 * layer.up and len(down) == 12
        if compiled and published:
            from . import filtered_lrelu_numba

            self.plan = filtered_lrelu_numba.make_plan(
                layer.conv_size, layer.out_size, layer.up, layer.pad_lo, up, down, clamp
            )

    def forward(self, x: Tensor, scale: Tensor, bias: Tensor, out_scale: Tensor) -> Tensor:
        """[B, C, conv, conv] -> [B, C, out, out], channels last; scale and out_scale [B, C], bias [C].

        Pads and filters do not depend on the size: x may be larger on either side, and so is the result.
        `x` is float32, or float16 and so is the result; all else, and every sum, is float32.
        """
        if fused(x) and (plan := self.gpu_plan(x.dtype, x.device)):
            from . import filtered_lrelu_triton

            pixels = x.permute(0, 2, 3, 1).contiguous()
            return filtered_lrelu_triton.filtered_lrelu(pixels, scale, bias, out_scale, plan).permute(0, 3, 1, 2)
        if x.dtype == torch.float16:
            y: Tensor = self(x.float(), scale, bias, out_scale)
            return y.to(torch.float16)
        if self.plan is None or x.device.type != "cpu" or x.dtype != torch.float32:
            return self.reference(x, scale, bias, out_scale)
        from . import filtered_lrelu_numba

        rows = x.permute(0, 2, 3, 1).contiguous().numpy()
        arguments = (scale.contiguous().numpy(), bias.numpy(), out_scale.contiguous().numpy())
        out = filtered_lrelu_numba.filtered_lrelu(rows, *arguments, self.plan, torch.get_num_threads())
        return torch.from_numpy(out).permute(0, 3, 1, 2)

    def gpu_plan(self, dtype: torch.dtype, device: torch.device) -> "filtered_lrelu_triton.Plan | None":
        """Constants of the kernel for a GPU, made once; None where it does not cover this layer."""
        if TRITON and (dtype, device) not in self._gpu_plans:
            from . import filtered_lrelu_triton

            layer = self.layer
            self._gpu_plans[dtype, device] = filtered_lrelu_triton.make_plan(
                layer.conv_size, layer.out_size, layer.up, layer.pad_lo, self.up_filter, self.down_filter, self.clamp,
                dtype=dtype, device=device,
            )  # fmt: skip
        return self._gpu_plans.get((dtype, device))

    def reference(self, x: Tensor, scale: Tensor, bias: Tensor, out_scale: Tensor) -> Tensor:
        """The same in plain torch: polyphase depthwise convolutions, any filter size and rate."""
        layer = self.layer
        x = torch.addcmul(bias[:, None, None], x, scale[:, :, None, None])
        x = self._upsample(x)
        x = F.leaky_relu_(x, SLOPE)
        if self.clamp is not None:
            x = x.clamp_(-self.clamp, self.clamp)
        channels, taps = x.shape[1], self.down_filter
        if taps.ndim == 2:
            x = F.conv2d(x, taps.expand(channels, 1, *taps.shape), stride=layer.down, groups=channels)
        else:
            x = F.conv2d(x, taps[:, None].expand(channels, 1, -1, 1), stride=(layer.down, 1), groups=channels)
            x = F.conv2d(x, taps[None].expand(channels, 1, 1, -1), stride=(1, layer.down), groups=channels)
        return x.mul_(out_scale[:, :, None, None])

    def _upsample(self, x: Tensor) -> Tensor:
        """Zero-insert, pad, filter with gain `up` an axis, and the activation's own gain: a convolution a phase."""
        layer, taps = self.layer, self.up_filter
        up = layer.up
        if up == 1 and len(taps) == 1:
            return F.pad(x, (layer.pad_lo, layer.pad_hi) * 2) * (taps.square() * math.sqrt(2))
        lengths = [n * up + layer.pad_lo + layer.pad_hi - len(taps) + 1 for n in x.shape[2:]]
        offset = len(taps) - 1 - layer.pad_lo
        branch = -(-len(taps) // up)  # taps of one phase
        before = max(0, branch - 1 - offset // up)
        below, after = (
            max(0, (length - 1 + offset) // up + 1 - n) for length, n in zip(lengths, x.shape[2:], strict=True)
        )
        x = F.pad(x, (before, after, before, below))
        for dim, gain in ((2, up), (3, up * math.sqrt(2))):
            shape = (1, branch) if dim == 3 else (branch, 1)
            length, parts = lengths[dim - 2], []
            for p in range(up):
                weights = F.pad(taps[(p + offset) % up :: up], (0, branch))[:branch].flip(0) * gain
                count = (length - p + up - 1) // up
                part = x.narrow(dim, (p + offset) // up - (branch - 1) + before, count + branch - 1)
                depthwise = weights.view(1, 1, *shape).expand(x.shape[1], 1, *shape)
                parts.append(F.conv2d(part, depthwise, groups=x.shape[1]))
            whole = list(parts[0].shape)
            whole[dim] = length
            x = torch.empty(whole, dtype=x.dtype, device=x.device, memory_format=torch.channels_last)
            for p, part in enumerate(parts):
                (x[:, :, :, p::up] if dim == 3 else x[:, :, p::up]).copy_(part)
        return x
