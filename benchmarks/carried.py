"""The StyleGAN3s that AKMA carries, side by side: time a picture, taking turns, and how far a walk moves them.

    python -m benchmarks.carried [--threads 2] [--turns 15] [--pairs 8]

Change: mean difference of two successive pictures of 60 a seed, half way between two seeds of the loud pool.
"""

import argparse
import time
from itertools import pairwise
from statistics import median

import numpy as np
import torch
from torch import Tensor

from akma_core.modulation.walk import latent
from akma_core.networks import builtin
from akma_core.networks.kernels.allocator import keep_mapped
from akma_core.networks.picture import to_uint8
from akma_core.networks.stylegan3 import file
from akma_core.networks.stylegan3.generator import Generator

STEP = 1 / 60  # of the way between two seeds


def ws_of(generator: Generator, seeds: tuple[int, ...]) -> Tensor:
    ws: Tensor = generator.mapping(torch.from_numpy(np.stack([latent(seed, generator.z_dim) for seed in seeds])))
    return ws


def change(generator: Generator, seeds: tuple[int, ...]) -> float:
    """Mean difference of two successive pictures, a share of the whole range."""
    found = []
    for a, b in pairwise(ws_of(generator, seeds)):
        ws = torch.stack([torch.lerp(a, b, 0.5), torch.lerp(a, b, 0.5 + STEP)])
        first, second = to_uint8(generator.synthesis(ws)).double()
        found.append(float((first - second).abs().mean()) / 255)
    return sum(found) / len(found)


@torch.inference_mode()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--pairs", type=int, default=8, help="ways between seeds that the change is measured on")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_mapped()
    names = [name for name in builtin.names() if builtin.find(name)[1].kind == "stylegan3"]
    networks = {name: file.load(builtin.find(name)[0]) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(-2, options.turns):  # the first ones warm up
        for name, network in networks.items():
            ws = ws_of(network, (turn + 2,))
            start = time.perf_counter()
            network.synthesis(ws)
            if turn >= 0:
                seconds[name].append(time.perf_counter() - start)
    for name, network in networks.items():
        ratio = median(a / b for a, b in zip(seconds[name], seconds["ink"], strict=True))
        moved = change(network, builtin.find(name)[1].seeds_top[: options.pairs + 1])
        print(f"{name:10}{median(seconds[name]) * 1e3:7.0f} ms, {ratio:.2f} of ink's; {moved:.1%} change a frame")


if __name__ == "__main__":
    main()
