"""Encoders beside a device: throughput of a render with a stand-in device beside that of device and encoders alone.

    python benchmarks/encoder_pool.py --side 1024 --fps 250
    python benchmarks/encoder_pool.py --side 2160 --fps 250

The device hands over pictures, smooth with some grain, at a fixed rate and computes nothing; x264 is the real one.
"encoders alone" has all planes there before it begins. The three take turns; medians. A ratio near 1 says that neither
waits for the other in vain.
"""

import argparse
import resource
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from akma_core.media.encoder import Encoder
from akma_core.media.encoder_pool import EncoderPool, encoders_for
from akma_core.render.pipeline import Order
from akma_core.timeline import Chunk
from runners.gpu_checks.nvenc import moving

STEP = 8  # frames of a batch
PICTURES = 48  # different ones, over and over


def encode(
    encoder: Encoder, planes: NDArray[np.uint8], chunks: list[Chunk], fps: float, encoders: int, folder: Path
) -> tuple[float, float]:
    """Frames a second of a device of `fps` (inf: planes are there) with encoders, and the share of time it waited."""
    began = due = time.perf_counter()
    pool = EncoderPool(
        encoder, lambda c: folder / f"{c.index}.mp4", lambda _: None, gpu=True, step=STEP, encoders=encoders
    )
    with pool:
        order = Order(chunks, STEP, pool)
        while order.unfinished:
            while frames := order.next():
                start, stop = frames
                # A device that had to wait has lost that time.
                due = max(due, time.perf_counter()) + (stop - start) / fps
                time.sleep(max(0.0, due - time.perf_counter()))
                at = np.arange(start, stop) % len(planes)
                pool.put(order.owner(stop - start), planes[at])
            if order.unfinished:
                pool.wait(order.unfinished)
    seconds = time.perf_counter() - began
    return sum(chunk.frames for chunk in chunks) / seconds, pool.waited / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=1024, help="pixels; 2160 is 3840 x 2160 (default: 1024)")
    parser.add_argument("--fps", type=float, default=250, help="of the device (default: 250)")
    parser.add_argument("--chunks", type=int, default=6, help="of --frames each (default: 6)")
    parser.add_argument("--frames", type=int, default=48, help="of a chunk (default: 48)")
    parser.add_argument("--encoders", type=int, help="at once (default: as a render has them)")
    parser.add_argument("--runs", type=int, default=3, help="of which the median counts (default: 3)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    width, height = (3840, 2160) if options.side == 2160 else (options.side, options.side)
    encoder = Encoder(width=width, height=height, fps=Fraction(30), crf=16.0)
    square = moving(PICTURES if width < 2160 else 12, max(width, height))
    side = max(width, height)
    # Rows of each plane; U and V have half as many samples a row, two of theirs in one of this array.
    parts = [(0, height), (side, height // 4), (side * 5 // 4, height // 4)]
    planes = np.ascontiguousarray(np.concatenate([square[:, start : start + rows] for start, rows in parts], 1))
    chunks = [Chunk(k, k * options.frames, options.frames) for k in range(options.chunks)]
    encoders = options.encoders or encoders_for(encoder, gpu=True)
    ratios, rates, waits = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.runs):
            alone, _ = encode(encoder, planes, chunks, float("inf"), encoders, Path(folder))
            both, waited = encode(encoder, planes, chunks, options.fps, encoders, Path(folder))
            one, _ = encode(encoder, planes, chunks, options.fps, 1, Path(folder))
            ratios.append(both / min(alone, options.fps))
            rates.append((alone, both, one))
            waits.append(waited)
    alone, both, one = (median(rate[k] for rate in rates) for k in range(3))
    print(f"{width}x{height}, device {options.fps:g} frames/s, {encoders} encoders")
    print(f"encoders alone {alone:.1f}, together {both:.1f}, with one encoder {one:.1f} frames/s")
    print(f"together of the slower alone: {median(ratios):.3f} ({', '.join(f'{ratio:.3f}' for ratio in ratios)})")
    print(f"device waited {100 * median(waits):.0f} % of the time")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
