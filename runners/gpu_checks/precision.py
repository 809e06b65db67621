"""Pictures in half precision against those in float32, on the same device."""

from typing import Any

import torch
from torch import Tensor

from akma_core.networks import builtin, kinds
from akma_core.networks.picture import to_uint8

from .bench import Bench
from .figure import Figure, Figures, psnr
from .networks import RESOLUTIONS, SMALL, Shape, some_w

LIMIT = 45.0  # dB
CPU_LIMIT = 60.0  # dB, float32 against the CPU's
LEAST_CONTRAST = 10.0  # of 255: flat pictures would agree whatever the arithmetic
PICTURES = 2


def stylegan3_t(bench: Bench) -> Figures:
    """StyleGAN3 T of each size."""
    return _sizes(bench, "t")


def stylegan3_r(bench: Bench) -> Figures:
    """StyleGAN3 R of each size."""
    return _sizes(bench, "r")


def stylegan2(bench: Bench) -> Figures:
    """StyleGAN2 config f of each size."""
    return _sizes(bench, "f")


def ink(bench: Bench) -> Figures:
    """The built-in network."""
    return _compared(bench, kinds.load(builtin.find("ink")[0]), "ink")


def _sizes(bench: Bench, kind: str) -> Figures:
    for resolution in (SMALL,) if bench.small else RESOLUTIONS:
        shape = Shape(f"{kind}-{resolution}")
        yield from _compared(bench, shape.generator(small=bench.small), shape.name)
        if resolution == RESOLUTIONS[0]:
            yield _on_cpu(bench, shape)


def _on_cpu(bench: Bench, shape: Shape) -> Figure:
    """Float32 on the device against the CPU, whose arithmetic is its own."""
    synthesis = shape.generator(small=False).synthesis
    w = torch.from_numpy(some_w(1, synthesis.cfg.w_dim))
    there = pictures_of(synthesis.to(bench.device), w.to(bench.device), half=False).cpu()
    here = pictures_of(synthesis.to("cpu"), w, half=False)
    return Figure(f"{shape.name} against the CPU", psnr(here, there), "dB", at_least=CPU_LIMIT)


@torch.inference_mode()
def pictures_of(synthesis: torch.nn.Module, w: Tensor, *, half: bool) -> Tensor:
    """uint8 [n, H, W, 3] one at a time, in half precision or in float32 without TF32."""
    synthesis.use_fp16(half)  # type: ignore[operator]
    torch.backends.cudnn.allow_tf32 = half
    ws = w[:, None].expand(-1, int(synthesis.num_ws), -1)  # type: ignore[arg-type]
    return torch.cat([to_uint8(synthesis(row[None])) for row in ws])


def _compared(bench: Bench, generator: Any, name: str) -> Figures:
    synthesis = generator.synthesis.to(bench.device)
    w = torch.from_numpy(some_w(PICTURES, int(generator.w_dim))).to(bench.device)
    if name == "ink":  # a trained network's w is near its mapping's
        z = torch.from_numpy(some_w(PICTURES, int(generator.z_dim)))
        w = generator.mapping(z)[:, 0].to(bench.device)
    exact = pictures_of(synthesis, w, half=False)
    yield Figure(f"{name} contrast", float(exact.to(torch.float32).std()), "of 255", at_least=LEAST_CONTRAST)
    yield Figure(f"{name} half precision", psnr(exact, pictures_of(synthesis, w, half=True)), "dB", at_least=LIMIT)
