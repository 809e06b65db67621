"""Speed of a StyleGAN2 generator of any standard configuration, random weights, w to picture.

    python benchmarks/stylegan2.py --config f --resolution 1024
    python benchmarks/stylegan2.py --all --versus      four configurations against the plain form, in one run

"plain" is the specification as it reads (tests/support/stylegan2_oracle.py), which costs what the published
implementation costs on a CPU; "torch" is ours without compiled kernels. All sides have memory kept mapped and the same
number of threads, and take turns; ratios are medians of turns.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from akma_core.networks.stylegan2.config import GeneratorConfig
from akma_core.networks.stylegan2.generator import Generator
from benchmarks.generator_speed import Clocked, Kind, main
from tests.support import stylegan2_oracle as oracle

CONFIGS: dict[str, dict[str, Any]] = {
    "f": {"channel_base": 32768},
    "e": {"channel_base": 16384},
    "auto": {"channel_base": 16384, "mapping_layers": 2, "conv_clamp": 256.0, "num_fp16_res": 4},
}
ALL = [("auto", 256), ("f", 256), ("f", 512), ("f", 1024)]


def make(config: str, resolution: int, compiled: bool | None) -> Generator:
    """A network of random weights."""
    torch.manual_seed(0)
    generator = Generator(generator_config(config, resolution), compiled)
    for block in generator.synthesis.blocks:
        for layer in block.layers:
            layer.noise_strength.fill_(0.1)
            layer.fold()
    return generator


def generator_config(config: str, resolution: int) -> GeneratorConfig:
    return GeneratorConfig(z_dim=512, w_dim=512, img_resolution=resolution, **CONFIGS[config])


def operations(config: str, resolution: int) -> tuple[float, float]:
    """GFLOP a picture of the convolutions done directly: those that keep the size, and the transposed ones."""
    kept = transposed = 0.0
    for block in generator_config(config, resolution).blocks:
        pixels = block.height * block.width
        kept += 18 * pixels * block.channels**2
        transposed += 18 * (pixels // 4) * block.in_channels * block.channels
    return kept / 1e9, transposed / 1e9


def plain(generator: Generator, ws: Tensor) -> Tensor:
    """Pictures of ws by the specification."""
    return oracle.synthesis(generator, ws)


def clock(generator: Generator, clocked: Clocked) -> None:
    """Time the convolutions that keep the size, those that double it, and the colours."""
    for block in generator.synthesis.blocks:
        for layer in block.layers:
            name = "conv0" if layer.convolution.up else "conv1"
            layer.convolution.forward = clocked(name, layer.convolution.forward)  # type: ignore[method-assign]
        block.picture = clocked("colours", block.picture)  # type: ignore[method-assign,arg-type]


KIND = Kind(tuple(CONFIGS), ALL, make, plain, operations, "kept + upsampled", clock)

if __name__ == "__main__":
    main(KIND, __doc__)
