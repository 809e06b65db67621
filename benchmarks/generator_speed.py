"""Times a generator, w to picture, in turns with other forms of the same network: see stylegan2.py and stylegan3.py."""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
from runners.cuda_graph import CudaBatches

Clocked = Callable[[str, Callable[..., Tensor]], Callable[..., Tensor]]
"""Name of a stage, function -> the function, whose time counts for the stage."""


@dataclass(frozen=True)
class Kind:
    """A kind of network to be timed; functions of a module, so that a process of its own finds them."""

    configs: Sequence[str]
    every: Sequence[tuple[str, int]]
    """Configurations and resolutions of --all."""
    make: Callable[[str, int, bool | None], Any]
    """Configuration, resolution, compiled -> a generator of random weights."""
    plain: Callable[[Any, Tensor], Tensor]
    """The specification as it reads: generator, ws -> pictures."""
    operations: Callable[[str, int], tuple[float, float]]
    """GFLOP a picture of two groups of operations."""
    groups: str
    """Names of the two."""
    clock: Callable[[Any, Clocked], None]
    """Have the stages of a generator timed."""


def on_threads(synthesis: Callable[[Tensor], Tensor], ws: Tensor) -> Callable[[], None]:
    """A picture a thread, as runners.network does it."""
    pool = ThreadPoolExecutor(len(ws), initializer=torch.set_num_threads, initargs=(1,))

    def picture(k: int) -> Tensor:
        with torch.inference_mode():
            return to_uint8(synthesis(ws[k : k + 1]))

    return lambda: [None for _ in pool.map(picture, range(len(ws)))].clear()


def stages(kind: Kind, generator: Any, ws: Tensor) -> dict[str, float]:
    """Milliseconds of one picture on one thread, by what they were spent on."""
    spent: dict[str, float] = {}

    def clocked(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def run(*arguments: Any) -> Tensor:
            start = time.perf_counter()
            result = function(*arguments)
            spent[name] = spent.get(name, 0.0) + 1e3 * (time.perf_counter() - start)
            return result

        return run

    kind.clock(generator, clocked)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    start = time.perf_counter()
    generator.synthesis(ws[:1])
    total = 1e3 * (time.perf_counter() - start)
    torch.set_num_threads(threads)
    return {**spent, "other": total - sum(spent.values())}


@torch.inference_mode()
def measure_cpu(kind: Kind, config: str, resolution: int, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds a picture with all threads at work; "torch" likewise, "plain" with its threads inside each operation."""
    threads = torch.get_num_threads()
    generator = kind.make(config, resolution, None)
    ws = generator.mapping(torch.randn(threads, 512))
    akma = on_threads(generator.synthesis, ws)
    akma()
    peak = peak_memory(torch.device("cpu"))
    sides = {"akma": (akma, threads)}
    if options.torch:
        sides["torch"] = (on_threads(kind.make(config, resolution, False).synthesis, ws), threads)
    if options.versus:
        sides["plain"] = (lambda: [to_uint8(kind.plain(generator, ws[:1]))].clear(), 1)
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
    return result | {"stages_ms": stages(kind, generator, ws)}


@torch.inference_mode()
def measure_cuda(kind: Kind, config: str, resolution: int, options: argparse.Namespace) -> dict[str, Any]:
    """Seconds a picture from w to YUV 4:2:0 in the machine's memory, half precision, encoder excluded."""
    device = torch.device(options.device)
    synthesis = kind.make(config, resolution, None).synthesis.to(device)
    synthesis.use_fp16()
    notes: list[str] = []

    def compute(ws: Tensor, *_: Tensor | None) -> Tensor:
        return to_uint8(synthesis(ws.expand(-1, synthesis.num_ws, -1)))

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


def measure(kind: Kind, config: str, resolution: int, options: argparse.Namespace) -> dict[str, Any]:
    keep_mapped()
    if options.threads:
        torch.set_num_threads(options.threads)
    run = measure_cpu if options.device == "cpu" else measure_cuda
    return {"config": config, "resolution": resolution, "device": options.device} | run(
        kind, config, resolution, options
    )


def peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(kind: Kind, description: str) -> None:
    """The command of a kind."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", choices=kind.configs, default=kind.configs[0])
    parser.add_argument("--resolution", type=int, default=256, help="pixels (default: 256)")
    parser.add_argument(
        "--all", action="store_true", help=", ".join(f"{config}-{resolution}" for config, resolution in kind.every)
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--batch", type=int, default=8, help="pictures at once on a GPU (default: 8)")
    parser.add_argument("--threads", type=int, help="CPU threads (default: as many as cores)")
    parser.add_argument("--runs", type=int, default=5, help="of which the median counts (default: 5)")
    parser.add_argument("--versus", action="store_true", help="time the plain form beside it")
    parser.add_argument("--torch", action="store_true", help="time the form without compiled kernels beside it")
    parser.add_argument("--json", action="store_true", help="end with one JSON object a configuration, a line each")
    options = parser.parse_args()
    cases = kind.every if options.all else [(options.config, options.resolution)]
    results = []
    print(f"config   frames/s  s/frame  GFLOP ({kind.groups})  GFLOP/s  peak MB  times faster than, ms of one thread")
    for config, resolution in cases:
        # A process each, so that the peak of one is not the floor of the next.
        with get_context("spawn").Pool(1) as process:
            result = process.apply(measure, (kind, config, resolution, options))
        results.append(result)
        first, second = kind.operations(config, resolution)
        seconds = result["seconds_per_frame"]
        more = [f"{key[:-6]} {value:.1f}" for key, value in result.items() if key.endswith("_ratio")]
        more += [f"{key} {value:.0f}" for key, value in result["stages_ms"].items()]
        print(
            f"{config}-{resolution:<6} {1 / seconds:8.2f} {seconds:8.3f}  {first:10.1f} + {second:7.1f}"
            f"   {(first + second) / seconds:7.1f} {result['peak_memory_bytes'] / 1e6:8.0f}  {', '.join(more)}",
            flush=True,
        )
    if options.json:
        for result in results:
            print(json.dumps(result))
