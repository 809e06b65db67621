"""A batch is the same bytes by a CUDA graph and without, twice, and nearly so at another size."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from akma_core.media.yuv import rgb_to_yuv420
from runners.network import NetworkRunner, device_part

from .bench import Bench
from .figure import Figure, Figures, differing
from .networks import Shape, folder_of, some_w

NAMES = ("ink", "t-256", "r-256", "f-256")
APART, OFF = 2, 10.0  # steps of 255, and percent of values: another batch has other kernels, half precision rounds
CPU_BATCH = 4


def graphs(bench: Bench) -> Figures:
    """Graphs against eager calls, the same batch twice, a short batch, planes against pictures."""
    for name in NAMES[1:] if bench.small else NAMES:
        runner, w = _runner(bench, name)
        first = runner.pictures(w)
        yield Figure(f"{name} notes of the runner", len(runner.notes), at_most=0)
        yield Figure(f"{name} values other than eager's", differing(first, runner.eager(w)), at_most=0)
        yield Figure(f"{name} values other the second time", differing(first, runner.pictures(w)), at_most=0)
        short = runner.pictures(w[: max(1, len(w) - 1)])
        yield Figure(f"{name} values other in a short batch", differing(short, first[: len(short)]), at_most=0)
        planes = torch.cat([torch.from_numpy(part) for part in runner.planes([w, w])])
        expected = rgb_to_yuv420(first.cpu()).repeat(2, 1, 1)
        yield Figure(f"{name} bytes of planes other than the pictures'", differing(planes, expected), at_most=0)


def sizes(bench: Bench) -> Figures:
    """Half of the plan's batch, and single pictures, against the plan's."""
    for name in NAMES[1:] if bench.small else NAMES:
        runner, w = _runner(bench, name)
        expected = runner.pictures(w).to(torch.int16)
        for size in (len(w) // 2, 1):
            smaller = NetworkRunner(_folder(bench, name), bench.device, size, bench.dtype_name)
            got = torch.cat([smaller.pictures(w[k : k + size]) for k in range(0, len(w), size)]).to(torch.int16)
            apart = (got - expected).abs()
            yield Figure(f"{name} batch {size} for {len(w)}, largest difference", float(apart.max()), at_most=APART)
            share = 100 * float((apart > 0).to(torch.float32).mean())
            yield Figure(f"{name} batch {size} for {len(w)}, values apart", share, "%", at_most=OFF)


def _runner(bench: Bench, name: str) -> tuple[NetworkRunner, NDArray[np.float32]]:
    folder, card = folder_of(Shape(name), bench)
    batch = CPU_BATCH if bench.small else device_part(bench.device, card).batch
    return NetworkRunner(folder, bench.device, batch, bench.dtype_name), some_w(batch, int(card.config["w_dim"]))


def _folder(bench: Bench, name: str) -> Path:
    return folder_of(Shape(name), bench)[0]
