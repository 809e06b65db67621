"""Draw a network's kinds of noise: python scripts/noise_strip.py FILE -o STRIP.png [--seeds 3,7] [--zoom 2]

A row each for const, none and random: consecutive frames of a walk between two seeds, and last how much each pixel
changes while the walk stands still, times 8.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from akma_core.modulation.inputs import Inputs, noise_seeds
from akma_core.networks import kinds
from akma_core.render.plan import NetworkPart
from akma_core.settings import Noise
from runners.network import NetworkRunner

FRAMES = 6
STEP = 0.02  # of the way between both seeds, a frame
GAIN = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seeds", default="3,7")
    parser.add_argument("--zoom", type=int, default=2)
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        card = kinds.convert(options.file, folder, name="network")
        part = NetworkPart(
            name=card.name, digest=card.digest, width=card.width, height=card.height, class_index=0, truncation_psi=1
        )
        rows = []
        for noise in get_args(Noise):
            runner = NetworkRunner(folder, torch.device("cpu"), 1, noise=noise)
            ends = runner.mapping(part, seeds)
            way = np.arange(FRAMES)[:, None] * STEP
            drawn = noise_seeds(1, range(FRAMES))
            moving = (ends[:1] * (1 - way) + ends[1:] * way).astype(np.float32)[:, None]
            walk = runner.pictures(Inputs(moving, noise_seeds=drawn))
            still = runner.pictures(Inputs(np.repeat(moving[:1], FRAMES, axis=0), noise_seeds=drawn))
            change = (still.float().std(0) * GAIN).clamp(0, 255).to(torch.uint8)
            rows.append(np.concatenate([*walk.numpy(), change.numpy()], axis=1))
        strip = Image.fromarray(np.concatenate(rows))
    size = strip.width * options.zoom, strip.height * options.zoom
    strip.resize(size, Image.Resampling.NEAREST).save(options.output, optimize=True)


if __name__ == "__main__":
    main()
