"""Speeds: ms a picture of network, upscaler, conversion, copy and encoder, and which of them is a render's limit."""

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.media.encoder import NVENC, X264, Encoder
from akma_core.media.yuv import rgb_to_yuv420
from akma_core.networks.realesrgan.load import load_upscaler
from runners.network import NetworkRunner, device_part

from . import nvenc
from .bench import Bench
from .figure import Figure, Figures
from .networks import Shape, folder_of, some_w
from .roofline import Cost, cost_of, cost_of_upscaler, measure

FRAMES, SMALL_FRAMES = 24, 4  # of the encoder's measurement
BATCHES = 20
TARGETS = {"t-1024": 250.0, "f-1024": 800.0, "realesr-animevideov3-512": 400.0, "realesrgan-x4plus-512": 30.0}
"""Pictures a second from w, or from a picture, to planes in the machine's memory, of an H100."""
UPSCALED_BATCH, SMALL_SIDE = 4, 16
Measure = Callable[[Bench], Figures]


def network(name: str) -> Measure:
    """The measurement of a network's shape."""
    return partial(_network, name)


def upscaler(name: str, side: int) -> Measure:
    """The measurement of an upscaler on pictures of `side` pixels."""
    return partial(_upscaler, name, side)


def _network(name: str, bench: Bench) -> Figures:
    shape = Shape(name)
    folder, card = folder_of(shape, bench)
    batch = 1 if bench.small else device_part(bench.device, card).batch
    runner = NetworkRunner(folder, bench.device, batch, bench.dtype_name)
    w = some_w(batch, int(card.config["w_dim"]))
    taken = {"network": bench.seconds(lambda: runner.pictures(w)) / batch}
    rounds = 2 if bench.small else BATCHES
    whole = bench.seconds(lambda: _drain(runner, [w] * rounds), 3) / (rounds * batch)
    cost = cost_of(shape.kind, card.config)
    yield from _told(bench, name, runner.pictures(w), taken, whole, cost)


def _drain(runner: NetworkRunner, batches: list[NDArray[np.float32]]) -> None:
    for _ in runner.planes(batches):
        pass


def _upscaler(name: str, side: int, bench: Bench) -> Figures:
    dtype = getattr(torch, bench.dtype_name)
    run = load_upscaler(name, bench.device, dtype)
    batch, side_here = (1, SMALL_SIDE) if bench.small else (UPSCALED_BATCH, side)
    made = torch.Generator().manual_seed(0)
    rgb = (torch.rand(batch, side_here, side_here, 3, generator=made) * 255).to(torch.uint8).to(bench.device)
    runs = 1 if bench.small else 3
    taken = {"upscaler": bench.seconds(lambda: run(rgb), runs) / batch}
    whole = bench.seconds(lambda: rgb_to_yuv420(run(rgb)).cpu(), runs) / batch
    cost = cost_of_upscaler(run.network, side_here, dtype.itemsize)
    yield from _told(bench, f"{name}-{side}", run(rgb), taken, whole, cost)


def _told(bench: Bench, name: str, rgb: Tensor, taken: dict[str, float], whole: float, cost: Cost) -> Figures:
    """The figures of pictures [n, H, W, 3] that took `taken` seconds each, and `whole` with planes in memory."""
    count = len(rgb)
    taken["conversion"] = bench.seconds(lambda: rgb_to_yuv420(rgb)) / count
    planes = rgb_to_yuv420(rgb)
    host = torch.empty(planes.shape, dtype=planes.dtype, pin_memory=not bench.small)
    taken["copy"] = bench.seconds(lambda: host.copy_(planes)) / count
    encoders = {"x264": X264} | ({"NVENC": NVENC} if nvenc.there() else {})
    speeds = {called: encode(bench, host.numpy(), codec) for called, codec in encoders.items()}
    fastest = min(speeds, key=lambda called: speeds[called])
    for stage, seconds in taken.items():
        yield Figure(f"{name} {stage}", seconds * 1e3, "ms")
    for called, seconds in speeds.items():
        yield Figure(f"{name} encoder {called}, one of them", seconds * 1e3, "ms")
    yield Figure(
        f"{name} share of the roofline", 100 * cost.seconds(measure(bench)) / sum(list(taken.values())[:1]), "%"
    )
    target = TARGETS.get(name) if not bench.small and "H100" in torch.cuda.get_device_name(bench.device) else None
    yield Figure(f"{name} to planes in memory", 1 / whole, "pictures/s", at_least=target)
    # Encoders work side by side, so that a render is as slow as its slowest stage; NVENC's sessions share one chip.
    side_by_side = 1 if fastest == "NVENC" else max(1, (os.cpu_count() or 1) // 2)
    taken[f"encoder {fastest}"] = speeds[fastest] / side_by_side
    on_device = whole
    limit = "the device" if on_device >= taken[f"encoder {fastest}"] else f"{side_by_side} encoders {fastest}"
    slowest = max(on_device, taken[f"encoder {fastest}"])
    yield Figure(f"{name} whole render, limited by {limit},", 1 / slowest, "frames/s")


def encode(bench: Bench, planes: NDArray[np.uint8], codec: str) -> float:
    """Seconds a frame of one encoder, with the pictures given over and over."""
    height, width = planes.shape[1] * 2 // 3, planes.shape[2]
    frames = SMALL_FRAMES if bench.small else FRAMES
    settings = Encoder(width=width, height=height, fps=nvenc.encoder(X264).fps, crf=16.0, gop=frames).by(codec)
    shown = planes[np.arange(frames) % len(planes)]
    path: Path = bench.folder / f"{codec}.mp4"
    began = time.perf_counter()
    nvenc.write(path, settings, shown)
    return (time.perf_counter() - began) / frames
