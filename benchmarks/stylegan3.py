"""Speed of a StyleGAN3 generator of any standard configuration, random weights, w to picture.

    python benchmarks/stylegan3.py --config T --resolution 1024
    python benchmarks/stylegan3.py --all --versus      every configuration against the plain form, in one run

"versus" is the specification written plainly (tests/networks/stylegan3/oracle.py), which costs what the published
implementation costs on a CPU. Both sides have memory kept mapped and the same number of threads; runs alternate.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from akma_core.networks.memory import keep_mapped
from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.generator import Generator, to_uint8
from tests.networks.stylegan3 import oracle

R = {"channel_base": 65536, "channel_max": 1024, "conv_kernel": 1, "use_radial_filters": True}
INK = {"channel_base": 16384, "channel_max": 96, "conv_kernel": 1, "use_radial_filters": True, "conv_clamp": 1.0}
CONFIGS: dict[str, dict[str, Any]] = {"T": {}, "R": R, "ink": INK}
ALL = [("T", 256), ("T", 512), ("T", 1024), ("R", 256), ("R", 512)]


def make(config: str, resolution: int, compiled: bool | None = None) -> Generator:
    """A network of random weights."""
    torch.manual_seed(0)
    return Generator(generator_config(config, resolution), compiled)


def generator_config(config: str, resolution: int) -> GeneratorConfig:
    return GeneratorConfig(z_dim=512, w_dim=512, img_resolution=resolution, **CONFIGS[config])


def operations(cfg: GeneratorConfig) -> tuple[float, float]:
    """GFLOP a picture: of the convolutions done directly, and of the filters in polyphase form."""
    convolution = filters = 0.0
    for layer in cfg.layers:
        convolution += 2 * layer.conv_size**2 * layer.in_channels * layer.out_channels * layer.kernel**2
        if layer.down > 1:
            side = layer.out_size * layer.down + layer.down_taps
            up = side * layer.in_size * 6 + side**2 * 6
            rows, columns = (layer.down_taps, layer.out_size) if layer.radial else (1, side + layer.out_size)
            filters += 2 * layer.out_channels * (up + layer.out_size * columns * rows * layer.down_taps)
    return convolution / 1e9, filters / 1e9


def timed(work: Callable[[], Tensor]) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


@torch.inference_mode()
def measure(config: str, resolution: int, options: argparse.Namespace) -> dict[str, Any]:
    device = torch.device(options.device)
    generator = make(config, resolution).to(device)
    ws = generator.mapping(torch.randn(options.batch, 512, device=device))

    def fast() -> Tensor:
        return to_uint8(generator.synthesis(ws))

    uncompiled = make(config, resolution, compiled=False).to(device) if options.torch else generator

    def plain_torch() -> Tensor:
        return to_uint8(uncompiled.synthesis(ws))

    def plain() -> Tensor:
        return to_uint8(oracle.synthesis(generator, ws))

    sides: dict[str, Callable[[], Tensor]] = {"akma": fast}
    if options.torch:
        sides["torch"] = plain_torch
    if options.versus:
        sides["plain"] = plain
    for work in sides.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(options.runs):
        for name, work in sides.items():
            times[name].append(timed(work) / options.batch)
    result: dict[str, Any] = {
        "config": config,
        "resolution": resolution,
        "device": options.device,
        "dtype": "float32",
        "batch": options.batch,
        "threads": torch.get_num_threads(),
        "seconds_per_frame": median(times["akma"]),
        "peak_memory_bytes": peak_memory(device),
    }
    for name in sides.keys() - {"akma"}:
        result[f"{name}_seconds_per_frame"] = median(times[name])
        result[f"{name}_ratio"] = median(b / a for a, b in zip(times["akma"], times[name], strict=True))
    return result


def peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", choices=CONFIGS, default="T")
    parser.add_argument("--resolution", type=int, default=256, help="pixels (default: 256)")
    parser.add_argument("--all", action="store_true", help="T-256, T-512, T-1024, R-256 and R-512")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--batch", type=int, default=1, help="pictures at once (default: 1)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: as many as cores)")
    parser.add_argument("--runs", type=int, default=5, help="of which the median counts (default: 5)")
    parser.add_argument("--versus", action="store_true", help="time the plain form beside it")
    parser.add_argument("--torch", action="store_true", help="time the form without compiled kernels beside it")
    parser.add_argument("--json", action="store_true", help="end with one JSON object a configuration, a line each")
    options = parser.parse_args()
    keep_mapped()
    if options.threads:
        torch.set_num_threads(options.threads)
    cases = ALL if options.all else [(options.config, options.resolution)]
    results = []
    print("config   frames/s   ms/frame   GFLOP (conv + filters)   GFLOP/s   peak MB   times faster than")
    for config, resolution in cases:
        result = measure(config, resolution, options)
        results.append(result)
        convolution, filters = operations(generator_config(config, resolution))
        seconds = result["seconds_per_frame"]
        ratios = "  ".join(f"{key[:-6]} {value:.1f}" for key, value in result.items() if key.endswith("_ratio"))
        print(
            f"{config}-{resolution:<6} {1 / seconds:8.2f} {1e3 * seconds:10.1f}   {convolution:8.1f} + {filters:6.1f}"
            f"     {(convolution + filters) / seconds:8.1f} {result['peak_memory_bytes'] / 1e6:9.0f}   {ratios}",
            flush=True,
        )
    if options.json:
        for result in results:
            print(json.dumps(result))


if __name__ == "__main__":
    main()
