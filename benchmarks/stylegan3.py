"""Speed of a StyleGAN3 generator of any standard configuration, random weights, w to picture.

    python benchmarks/stylegan3.py --config T --resolution 1024
    python benchmarks/stylegan3.py --all --versus      every configuration against the plain form, in one run

"plain" is the specification as it reads (tests/support/oracle.py), which costs what the published
implementation costs on a CPU; "torch" is ours without compiled kernels. All sides have memory kept mapped and the same
number of threads, and take turns; ratios are medians of turns.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from akma_core.networks.kernels.allocator import keep_mapped
from akma_core.networks.picture import to_uint8
from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.generator import Generator
from runners.cuda_graph import CudaBatches
from tests.support import oracle

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


def on_threads(synthesis: Callable[[Tensor], Tensor], ws: Tensor) -> Callable[[], None]:
    """A picture a thread, as runners.network does it."""
    pool = ThreadPoolExecutor(len(ws), initializer=torch.set_num_threads, initargs=(1,))

    def picture(k: int) -> Tensor:
        with torch.inference_mode():
            return to_uint8(synthesis(ws[k : k + 1]))

    return lambda: [None for _ in pool.map(picture, range(len(ws)))].clear()


def stages(generator: Generator, ws: Tensor) -> dict[str, float]:
    """Milliseconds of one picture on one thread, by what they were spent on."""
    spent = {"convolutions": 0.0, "filters": 0.0}

    def clocked(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def run(*arguments: Any) -> Tensor:
            start = time.perf_counter()
            result = function(*arguments)
            spent[name] += 1e3 * (time.perf_counter() - start)
            return result

        return run

    for layer in generator.synthesis.layers:
        layer._convolve = clocked("convolutions", layer._convolve)  # type: ignore[method-assign]
        if layer.activation is not None:
            layer.activation.forward = clocked("filters", layer.activation.forward)  # type: ignore[method-assign]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.perf_counter()
    generator.synthesis(ws[:1])
    total = 1e3 * (time.perf_counter() - start)
    torch.set_num_threads(threads)
    return {**spent, "other": total - sum(spent.values())}


@torch.inference_mode()
def measure_cpu(config: str, resolution: int, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds a picture with all threads at work; "torch" likewise, "plain" with its threads inside each operation."""
    threads = torch.get_num_threads()
    generator = make(config, resolution)
    ws = generator.mapping(torch.randn(threads, 512))
    akma = on_threads(generator.synthesis, ws)
    akma()
    peak = peak_memory(torch.device("cpu"))
    sides = {"akma": (akma, threads)}
    if options.torch:
        sides["torch"] = (on_threads(make(config, resolution, compiled=False).synthesis, ws), threads)
    if options.versus:
        sides["plain"] = (lambda: [to_uint8(oracle.synthesis(generator, ws[:1]))].clear(), 1)
    times: dict[str, list[float]] = {name: [] for name in sides}
    for k in range(-1, options.runs):  # the first one warms up
        for name, (work, pictures) in sides.items():
            start = time.perf_counter()
            work()
            if k >= 0:
                times[name].append((time.perf_counter() - start) / pictures)
    result: dict[str, Any] = {"dtype": "float32", "batch": 1, "threads": threads, "peak_memory_bytes": peak}
    result["seconds_per_frame"] = median(times["akma"])
    for name in sides.keys() - {"akma"}:
        result[f"{name}_seconds_per_frame"] = median(times[name])
        result[f"{name}_ratio"] = median(b / a for a, b in zip(times["akma"], times[name], strict=True))
    return result | {"stages_ms": stages(generator, ws)}


@torch.inference_mode()
def measure_cuda(config: str, resolution: int, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds a picture from w to YUV 4:2:0 in the machine's memory, half precision, encoder excluded."""
    device = torch.device(options.device)
    synthesis = make(config, resolution).synthesis.to(device)
    synthesis.use_fp16()
    notes: list[str] = []

    def compute(ws: Tensor, transform: Tensor | None, *_: Tensor | None) -> Tensor:
        return to_uint8(synthesis(ws.expand(-1, synthesis.num_ws, -1), transform=transform))

    batches = CudaBatches(compute, options.batch, (synthesis.num_ws, 512), device, notes)
    w = [np.random.default_rng(k).standard_normal((options.batch, 512)).astype(np.float32) for k in range(20)]
    times = []
    for k in range(-1, options.runs):
        start = time.perf_counter()
        for _ in batches.planes(w):
            pass
        if k >= 0:
            times.append((time.perf_counter() - start) / (len(w) * options.batch))
    for note in notes:
        print(note)
    facts = {"dtype": "float16", "batch": options.batch, "peak_memory_bytes": peak_memory(device)}
    return {**facts, "seconds_per_frame": median(times), "stages_ms": {}}


def measure(config: str, resolution: int, options: argparse.Namespace) -> dict[str, Any]:
    keep_mapped()
    if options.threads:
        torch.set_num_threads(options.threads)
    run = measure_cpu if options.device == "cpu" else measure_cuda
    return {"config": config, "resolution": resolution, "device": options.device} | run(config, resolution, options)


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
    parser.add_argument("--batch", type=int, default=8, help="pictures at once on a GPU (default: 8)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: as many as cores)")
    parser.add_argument("--runs", type=int, default=5, help="of which the median counts (default: 5)")
    parser.add_argument("--versus", action="store_true", help="time the plain form beside it")
    parser.add_argument("--torch", action="store_true", help="time the form without compiled kernels beside it")
    parser.add_argument("--json", action="store_true", help="end with one JSON object a configuration, a line each")
    options = parser.parse_args()
    cases = ALL if options.all else [(options.config, options.resolution)]
    results = []
    print("config   frames/s  s/frame  GFLOP (conv + filters)  GFLOP/s  peak MB  times faster than, ms of one thread")
    for config, resolution in cases:
        # A process each, so that the peak of one is not the floor of the next.
        with get_context("spawn").Pool(1) as process:
            result = process.apply(measure, (config, resolution, options))
        results.append(result)
        convolution, filters = operations(generator_config(config, resolution))
        seconds = result["seconds_per_frame"]
        more = [f"{key[:-6]} {value:.1f}" for key, value in result.items() if key.endswith("_ratio")]
        more += [f"{key} {value:.0f}" for key, value in result["stages_ms"].items()]
        print(
            f"{config}-{resolution:<6} {1 / seconds:8.2f} {seconds:8.3f}  {convolution:10.1f} + {filters:7.1f}"
            f"   {(convolution + filters) / seconds:7.1f} {result['peak_memory_bytes'] / 1e6:8.0f}  {', '.join(more)}",
            flush=True,
        )
    if options.json:
        for result in results:
            print(json.dumps(result))


if __name__ == "__main__":
    main()
