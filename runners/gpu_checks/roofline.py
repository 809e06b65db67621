"""The roofline of a card: what it multiplies and what it moves, measured; and what a picture costs of either."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from akma_core.networks.stylegan2.config import GeneratorConfig as StyleGAN2Config
from akma_core.networks.stylegan3.config import GeneratorConfig as StyleGAN3Config

from .bench import Bench
from .figure import Figure, Figures


@dataclass(frozen=True)
class Cost:
    """Of one picture."""

    operations: float
    """Multiplications and additions of the convolutions done directly."""
    traffic: float
    """Bytes of layers read and written once each, weights left out: a batch shares them."""

    def seconds(self, roofline: "Roofline") -> float:
        """The least time a picture can take."""
        return max(self.operations / roofline.operations, self.traffic / roofline.bandwidth)


@dataclass(frozen=True)
class Roofline:
    """Operations and bytes of the device in a second."""

    operations: float
    """Of a matrix product in the precision of pictures."""
    bandwidth: float
    """Bytes read and written by a copy."""


def check(bench: Bench) -> Figures:
    """Both, told."""
    found = measure(bench)
    yield Figure("matrix product", found.operations / 1e12, "TFLOP/s")
    yield Figure("copy", found.bandwidth / 1e9, "GB/s read and written")


@cache
def measure(bench: Bench) -> Roofline:
    """By a matrix product and a copy that are large enough to keep the device busy."""
    side, size = (512, 1 << 24) if bench.small else (8192, 1 << 30)
    dtype = getattr(torch, bench.dtype_name)
    a = torch.randn(side, side, device=bench.device).to(dtype)
    b, out = a.clone(), torch.empty_like(a)
    product = bench.seconds(lambda: torch.mm(a, b, out=out), 10)
    x = torch.zeros(size, dtype=torch.uint8, device=bench.device)
    y = torch.empty_like(x)
    copy = bench.seconds(lambda: y.copy_(x), 10)
    return Roofline(2 * side**3 / product, 2 * size / copy)


def cost_of(kind: str, config: dict[str, Any]) -> Cost:
    """Of a network: "f" is StyleGAN2's, all others StyleGAN3's. The filters' products are left out."""
    operations = traffic = 0.0
    if kind == "f":
        for block in StyleGAN2Config(**config).blocks:
            size, pixels = 2 if block.use_fp16 else 4, block.height * block.width
            operations += 18 * pixels * block.channels**2 + 18 * (pixels // 4) * block.in_channels * block.channels
            traffic += size * (pixels // 4 * block.in_channels + 6 * pixels * block.channels)
        return Cost(operations, traffic)
    for layer in StyleGAN3Config(**config).layers:
        size = 2 if layer.use_fp16 else 4
        operations += 2 * layer.conv_size**2 * layer.in_channels * layer.out_channels * layer.kernel**2
        between = 2 * layer.conv_size**2 + layer.out_size**2  # the convolution's result is written and read
        traffic += size * (layer.in_channels * layer.in_size**2 + layer.out_channels * between)
    return Cost(operations, traffic)


def cost_of_upscaler(network: nn.Module, side: int, itemsize: int) -> Cost:
    """Of an upscaler for one picture of `side` pixels: its convolutions' shapes, seen on a picture of 16."""
    small = 16
    sums = [0.0, 0.0]

    def count(module: nn.Module, _: tuple[Any, ...], result: Tensor) -> None:
        weight: Tensor = module.weight  # type: ignore[assignment]
        pixels = result.shape[2] * result.shape[3]
        sums[0] += 2 * pixels * weight.numel()
        sums[1] += itemsize * pixels * (weight.shape[0] + weight.shape[1])

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d)]
    weight = next(network.parameters())
    with torch.inference_mode():
        network(torch.zeros(1, 3, small, small, device=weight.device, dtype=weight.dtype))
    for hook in hooks:
        hook.remove()
    scale = (side / small) ** 2
    return Cost(sums[0] * scale, sums[1] * scale)
