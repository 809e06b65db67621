"""Canvases and the camera of a StyleGAN3: python -m benchmarks.canvas [--model ink] [--shapes 16:9 9:16 4:1] [--runs 5]

Prints for each shape the seconds of its pictures over the square's and over its share of area, in turns and as the
median of --runs, the largest difference to the square's picture where both have pixels (levels of 255), and for moves
of the camera by so many pixels, whole and not, the PSNR of the picture against the one before moved by as much (dB).
"""

import argparse
import time
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.modulation.camera import transform
from akma_core.modulation.inputs import Inputs
from akma_core.networks import builtin, kinds
from akma_core.render.planner import canvas_part
from benchmarks.carried import ws_of
from runners.canvas import choose
from runners.gpu_checks.figure import psnr
from runners.network import NetworkRunner

CPU = torch.device("cpu")
SEEDS = tuple(range(4))
MOVES = (1, 7, 8, 16, 40)  # pixels
STARTS = (0.0, 0.31, 0.5)  # pixels


@torch.inference_mode()
def moved(generator: Any, ws: NDArray[np.float32], by: float) -> Tensor:
    """Pictures with the camera `by` picture widths to the side, levels of 255 that are not rounded."""
    still = np.zeros(len(ws))
    every = torch.from_numpy(ws).expand(-1, generator.num_ws, -1)
    pictures: Tensor = generator.synthesis(
        every, transform=torch.from_numpy(transform(still + by, still, still, still + 1))
    )
    return pictures * 127.5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="ink")
    parser.add_argument("--shapes", nargs="+", default=["16:9", "9:16", "4:1"])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    folder, card = builtin.find(options.model)
    generator = kinds.load(folder)
    with torch.inference_mode():
        ws = ws_of(generator, SEEDS)[:, :1].numpy()
    runners = {"1:1": NetworkRunner(folder, CPU, 1)}
    for shape in options.shapes:
        chosen = choose(shape, card, folder)
        size = (chosen.canvas.width, chosen.canvas.height) if chosen else None
        runners[shape] = NetworkRunner(folder, CPU, 1, size=size, canvas=canvas_part(card, chosen))

    def draw(shape: str) -> NDArray[np.uint8]:
        step = runners[shape].step
        parts = [runners[shape].pictures(Inputs(ws[k : k + step])).numpy() for k in range(0, len(ws), step)]
        return np.concatenate(parts)

    square = draw("1:1")
    spent: dict[str, list[float]] = {shape: [] for shape in runners}
    for _ in range(options.runs):
        for shape in runners:
            began = time.perf_counter()
            draw(shape)
            spent[shape].append(time.perf_counter() - began)
    for shape in options.shapes:
        picture = draw(shape)
        height, width = picture.shape[1:3]
        area = width * height / (card.width * card.height)
        ratio = median(each / one for each, one in zip(spent[shape], spent["1:1"], strict=True))
        top, left = (height - card.height) // 2, (width - card.width) // 2
        middle = picture[:, top : top + card.height, left : left + card.width]
        most = np.abs(middle.astype(int) - square).max()
        print(
            f"{shape:5} {width}x{height}: {ratio:.2f} of the square's time, {ratio / area:.2f} of its "
            f"area's share; largest difference in the square {most} levels"
        )
    for move in MOVES:
        for start in STARTS:
            a, b = (moved(generator, ws[:1], at / card.width) for at in (start, start + move))
            pairs = (a[..., move:], b[..., :-move]), (a[..., :-move], b[..., move:])
            print(f"camera {start:g} -> {start + move:g} pixels: {max(psnr(*pair) for pair in pairs):.1f} dB")


if __name__ == "__main__":
    main()
