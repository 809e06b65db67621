"""The card, and the kernels compiled before anything is timed."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from .bench import Bench
from .figure import Figure, Figures
from .networks import RESOLUTIONS, Shape, some_w

PROCESSES = 8  # at once: each takes half a gigabyte of the card


def card(bench: Bench) -> Figures:
    """That it computes."""
    right = torch.arange(1000, device=bench.device).sum().item() == 499500
    yield Figure("sums that are wrong", float(not right), at_most=0)
    yield Figure("memory", bench.memory / 1e9, "GB")
    if not bench.small:
        about = torch.cuda.get_device_properties(bench.device)
        yield Figure(f"{about.name}, compute capability", float(f"{about.major}.{about.minor}"), at_least=7.0)
        yield Figure("multiprocessors", about.multi_processor_count)


def compiled(bench: Bench) -> Figures:
    """Every kernel of every shape, in processes side by side: Triton keeps them on the disk for the other checks."""
    names = [f"{kind}-{resolution}" for kind in "trf" for resolution in RESOLUTIONS]
    names = names[::3] if bench.small else names
    processes = 1 if bench.small else min(PROCESSES, os.cpu_count() or 1)
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        started = {name: pool.submit(once, name, str(bench.device)) for name in names}
        broken = [name for name, future in started.items() if future.exception()]
    yield Figure(f"shapes that do not compile{': ' * bool(broken)}{', '.join(broken)}", len(broken), at_most=0)


def once(name: str, device: str) -> None:
    """One picture of that shape."""
    small = device == "cpu"
    generator = Shape(name).generator(small=small)
    synthesis = generator.synthesis.to(device)
    if not small:
        synthesis.use_fp16()
    w = torch.from_numpy(some_w(1, generator.w_dim)).to(device)
    with torch.inference_mode():
        synthesis(w[:, None].expand(-1, generator.num_ws, -1))
