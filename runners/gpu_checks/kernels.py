"""Every Triton kernel against plain torch in float32, at each shape that the networks have."""

import torch

from akma_core.networks.kernels.epilogue import Epilogue
from akma_core.networks.stylegan2 import filters
from akma_core.networks.stylegan2.config import GeneratorConfig as StyleGAN2Config
from akma_core.networks.stylegan3.config import GeneratorConfig as StyleGAN3Config
from akma_core.networks.stylegan3.filtered_lrelu import FilteredLeakyReLU

from .bench import Bench
from .figure import Figure, Figures
from .networks import RESOLUTIONS, SMALL, Shape

F16, F32 = torch.float16, torch.float32
CLOSE = {F16: 5e-3, F32: 2e-5}  # largest error, of the largest value
BLOCK = 16  # channels of a program; a layer's last block has what is left
TAPS = (1 / 8, 3 / 8, 3 / 8, 1 / 8)
ROWS = 64  # of a StyleGAN2 layer on a CPU's interpreter no more than 8


def stylegan3_t(bench: Bench) -> Figures:
    """The filtered leaky ReLU of configuration T."""
    return _filtered(bench, "t")


def stylegan3_r(bench: Bench) -> Figures:
    """The filtered leaky ReLU of configuration R, whose filters down are radial."""
    return _filtered(bench, "r")


def _filtered(bench: Bench, kind: str) -> Figures:
    for resolution in (SMALL,) if bench.small else RESOLUTIONS:
        config = StyleGAN3Config(**Shape(f"{kind}-{resolution}").config(small=bench.small))
        layers = config.layers[:-1]
        # On a CPU, where the interpreter takes seconds a layer, one of each kind instead of one of each size.
        shapes = {
            (a.up, a.radial)
            if bench.small
            else (a.conv_size, a.out_size, a.up, a.radial, a.out_channels, a.use_fp16): a
            for a in (reversed(layers) if bench.small else layers)
        }
        for dtype in (F16, F32):
            errors = {}
            for layer in shapes.values():
                if dtype == F32 or layer.use_fp16:
                    activation = FilteredLeakyReLU(layer, 0.9).to(bench.device)
                    channels = 5 if bench.small else BLOCK + layer.out_channels % BLOCK
                    errors[layer.name] = _error(bench, activation, channels, dtype)
            if errors:
                worst = max(errors, key=lambda name: errors[name])
                what = f"{kind.upper()}-{resolution} {_short(dtype)}, {len(errors)} shapes, worst {worst}"
                yield Figure(what, errors[worst], at_most=CLOSE[dtype])


def _error(bench: Bench, activation: FilteredLeakyReLU, channels: int, dtype: torch.dtype) -> float:
    """Largest error of the kernel, of the largest value; 0 where the layer has none, and plain torch does it."""
    from akma_core.networks.stylegan3 import filtered_lrelu_triton

    plan = activation.gpu_plan(dtype, bench.device)
    if plan is None:
        return 0.0
    n = activation.layer.conv_size
    made = torch.Generator().manual_seed(n)
    batch = 1 if bench.small else 2
    x = torch.randn(batch, n, n, channels, generator=made).to(bench.device, dtype)
    scale, out_scale = (torch.rand(2, batch, channels, generator=made) + 0.5).to(bench.device)
    bias = torch.randn(channels, generator=made).to(bench.device)
    got = filtered_lrelu_triton.filtered_lrelu(x, scale, bias, out_scale, plan).permute(0, 3, 1, 2)
    expected = activation.reference(x.permute(0, 3, 1, 2).to(F32), scale, bias, out_scale)
    return float((got.to(F32) - expected).abs().max() / expected.abs().max())


def stylegan2(bench: Bench) -> Figures:
    """The pass after a convolution of StyleGAN2, with and without the filter after a transposed one."""
    from akma_core.networks.stylegan2 import epilogue_triton

    for resolution in (SMALL,) if bench.small else RESOLUTIONS:
        config = StyleGAN2Config(**Shape(f"f-{resolution}").config(small=bench.small))
        for dtype in (F16, F32):
            errors = {}
            for block in config.blocks[-2:] if bench.small else config.blocks:
                for up in (False, True):
                    made = torch.Generator().manual_seed(block.resolution)
                    channels = 5 if bench.small else block.channels
                    rows = min(block.height, 8 if bench.small else ROWS)
                    size = rows + up, block.width + up
                    x = torch.randn(2, channels, *size, generator=made).to(bench.device, dtype)
                    scale = torch.rand(2, channels, generator=made).to(bench.device) + 0.5
                    bias = torch.randn(channels, generator=made).to(bench.device)
                    noise = torch.randn(1, rows, block.width, generator=made).to(bench.device)
                    epilogue = Epilogue(scale, bias, noise, 0.2, 2.0)
                    got = epilogue_triton.finish(x, epilogue, TAPS if up else None).to(F32)
                    expected = epilogue(filters.blur(x.to(F32), TAPS) if up else x.to(F32))
                    errors[f"{block.name}{' up' * up}"] = float((got - expected).abs().max() / expected.abs().max())
            worst = max(errors, key=lambda name: errors[name])
            what = f"f-{resolution} {_short(dtype)}, {len(errors)} shapes, worst {worst}"
            yield Figure(what, errors[worst], at_most=CLOSE[dtype])


def _short(dtype: torch.dtype) -> str:
    return "fp16" if dtype == F16 else "fp32"
