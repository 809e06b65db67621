"""Speed of "sea" and pictures of it.

    python benchmarks/sea.py                             seconds a picture at 256x256, 512x288 and 1920x1080
    python benchmarks/sea.py --sheet calm.png --pool bottom   the seeds of a pool (or --seeds 1 2 3), a picture each
    python benchmarks/sea.py --strip strip.png           twelve frames at 24 a second, from left to right, top to bottom
    python benchmarks/sea.py --blend blend.png           calm to storm in twelve steps at one moment

A thread a picture, as runners do it. "elapsed" is what a viewer waits for and grows when the machine is shared; "of one
core" is the processor's time, "tables" the share of it that does not depend on the size.
"""

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from akma_core.modulation.walk import latent
from akma_core.networks.card import read_card
from akma_core.networks.sea.config import SeaConfig
from akma_core.networks.sea.generator import SeaGenerator

FOLDER = Path(__file__).parents[1] / "akma_core" / "networks" / "sea"
SIZES = ((256, 256), (512, 288), (1920, 1080))
FRAMES, FPS = 12, 24


def ws_of(sea: SeaGenerator, seeds: list[int]) -> Tensor:
    return sea.mapping(torch.from_numpy(np.stack([latent(seed, sea.z_dim) for seed in seeds])))[:, None]


def measure(sea: SeaGenerator, ws: Tensor, size: tuple[int, int], runs: int, threads: int) -> tuple[float, float]:
    """Seconds a picture: elapsed with all threads at work, and of one thread's processor time."""

    def one(k: int) -> float:
        start = time.thread_time()
        sea.synthesis(ws[k % len(ws)][None], torch.tensor([float(k)], dtype=torch.float64), None, *size)
        return time.thread_time() - start

    elapsed, used = [], []
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for run in range(-1, runs):
            start = time.perf_counter()
            spent = list(pool.map(one, range(2 * threads)))
            if run >= 0:
                elapsed.append((time.perf_counter() - start) / (2 * threads))
                used.extend(spent)
    return median(elapsed), median(used)


def show(sea: SeaGenerator, ws: Tensor, times: NDArray[np.float64], size: tuple[int, int], columns: int) -> Image.Image:
    """Pictures side by side."""
    width, height = size
    page = Image.new("RGB", (columns * width, -(-len(ws) // columns) * height))
    for k, w in enumerate(ws):
        picture = sea.synthesis(w[None], torch.from_numpy(times[k : k + 1]), None, width, height)[0]
        pixels = (picture * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
        page.paste(Image.fromarray(pixels), (k % columns * width, k // columns * height))
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="of which the median counts (default: 5)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="default: as many as cores")
    parser.add_argument("--torch", action="store_true", help="without compiled kernels")
    parser.add_argument("--sheet", type=Path, help="PNG to write")
    parser.add_argument("--strip", type=Path, help="PNG to write")
    parser.add_argument("--blend", type=Path, help="PNG to write")
    parser.add_argument("--pool", choices=("top", "bottom"), default="top")
    parser.add_argument("--seeds", type=int, nargs="+", help="instead of a pool")
    parser.add_argument("--time", type=float, default=60.0, help="seconds of sea (default: 60)")
    parser.add_argument("--size", type=int, nargs=2, default=(256, 256), metavar=("WIDTH", "HEIGHT"))
    options = parser.parse_args()
    card = read_card(FOLDER)
    sea = SeaGenerator(SeaConfig(**card.config), False if options.torch else None)
    seeds = options.seeds or list(card.seeds_top if options.pool == "top" else card.seeds_bottom)
    size = tuple(options.size)
    if options.sheet:
        times = options.time + 37.0 * np.arange(len(seeds))
        show(sea, ws_of(sea, seeds), times, size, 6).save(options.sheet)
    if options.strip:
        ws = ws_of(sea, seeds[:1]).expand(FRAMES, -1, -1)
        show(sea, ws, options.time + np.arange(FRAMES) / FPS, size, 4).save(options.strip)
    if options.blend:
        calm, storm = ws_of(sea, [card.seeds_bottom[0], card.seeds_top[0]])
        ws = torch.stack([calm.lerp(storm, k / (FRAMES - 1)) for k in range(FRAMES)])
        show(sea, ws, np.full(FRAMES, options.time), size, 4).save(options.blend)
    if not (options.sheet or options.strip or options.blend):
        ws = ws_of(sea, seeds[:4])
        _, tables = measure(sea, ws, (1, 1), options.runs, options.threads)
        print(f"{options.threads} threads       elapsed    of one core (tables {tables:.3f})")
        for width, height in SIZES:
            elapsed, used = measure(sea, ws, (width, height), options.runs, options.threads)
            print(f"{width:>5}x{height:<5} {elapsed:10.3f} s {used:10.3f} s", flush=True)


if __name__ == "__main__":
    main()
