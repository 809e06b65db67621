"""Speed of a StyleGAN3 generator of any standard configuration, random weights, w to picture.

    python benchmarks/stylegan3.py --config T --resolution 1024
    python benchmarks/stylegan3.py --all --versus      every configuration against the plain form, in one run

"plain" is the specification as it reads (tests/support/oracle.py), which costs what the published
implementation costs on a CPU; "torch" is ours without compiled kernels. All sides have memory kept mapped and the same
number of threads, and take turns; ratios are medians of turns.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.generator import Generator
from benchmarks.generator_speed import Clocked, Kind, main
from tests.support import oracle

R = {"channel_base": 65536, "channel_max": 1024, "conv_kernel": 1, "use_radial_filters": True}
INK = {"channel_base": 16384, "channel_max": 96, "conv_kernel": 1, "use_radial_filters": True, "conv_clamp": 1.0}
CONFIGS: dict[str, dict[str, Any]] = {"T": {}, "R": R, "ink": INK}
ALL = [("T", 256), ("T", 512), ("T", 1024), ("R", 256), ("R", 512)]


def make(config: str, resolution: int, compiled: bool | None) -> Generator:
    """A network of random weights."""
    torch.manual_seed(0)
    return Generator(generator_config(config, resolution), compiled)


def generator_config(config: str, resolution: int) -> GeneratorConfig:
    return GeneratorConfig(z_dim=512, w_dim=512, img_resolution=resolution, **CONFIGS[config])


def operations(config: str, resolution: int) -> tuple[float, float]:
    """GFLOP a picture: of the convolutions done directly, and of the filters in polyphase form."""
    convolution = filters = 0.0
    for layer in generator_config(config, resolution).layers:
        convolution += 2 * layer.conv_size**2 * layer.in_channels * layer.out_channels * layer.kernel**2
        if layer.down > 1:
            side = layer.out_size * layer.down + layer.down_taps
            up = side * layer.in_size * 6 + side**2 * 6
            rows, columns = (layer.down_taps, layer.out_size) if layer.radial else (1, side + layer.out_size)
            filters += 2 * layer.out_channels * (up + layer.out_size * columns * rows * layer.down_taps)
    return convolution / 1e9, filters / 1e9


def plain(generator: Generator, ws: Tensor) -> Tensor:
    """Pictures of ws by the specification."""
    return oracle.synthesis(generator, ws)


def clock(generator: Generator, clocked: Clocked) -> None:
    """Time convolutions and filters."""
    for layer in generator.synthesis.layers:
        layer._convolve = clocked("convolutions", layer._convolve)  # type: ignore[method-assign]
        if layer.activation is not None:
            layer.activation.forward = clocked("filters", layer.activation.forward)  # type: ignore[method-assign]


KIND = Kind(tuple(CONFIGS), ALL, make, plain, operations, "conv + filters", clock)

if __name__ == "__main__":
    main(KIND, __doc__)
