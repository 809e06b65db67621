"""`python -m training sea`: a network of the sea, from pictures that are drawn as it learns."""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from akma_core.cli.options import Commands
from akma_core.errors import FailureError
from akma_core.networks.sea.scene import WIND
from akma_core.networks.stylegan3.generator import Generator

from .arguments import add_common, config_of, ended, opened, options_of
from .options import Options
from .pool import PicturePool, nominal
from .renderers import Renderers
from .sea_pictures import Z_DIM, latents, mirror, read_drawn
from .trainer import Trainer

FIRST_SEED = 2_000_000
"""Seeds of pictures drawn as the training goes; those drawn before it have others."""
SHEET = 8
"""Calm pictures on a sheet, and stormy ones."""
SEEDS = range(400)
"""Seeds from which the card's are chosen, by their wind."""
POOL_SEEDS = 24


def add(commands: Commands) -> None:
    """Declare the command."""
    sea = commands.add_parser("sea", help="train on the sea, drawn as it learns", description=__doc__)
    add_common(sea, save_every=60)
    sea.add_argument("--drawn", type=Path, metavar="DIR", help="pictures drawn before, named after their seeds")
    sea.add_argument("--renderers", type=int, default=1, metavar="N", help="processes that draw pictures (default: 1)")
    sea.set_defaults(run=run)


def run(arguments: argparse.Namespace, started: float) -> None:
    """Train until the time is over."""
    options = options_of(arguments)
    with opened(options) as facts:
        if not ended(options, facts):
            _train(arguments, options, facts, started)


def _train(arguments: argparse.Namespace, options: Options, facts: dict[str, Any] | None, started: float) -> None:
    step = facts["step"] if facts else 0
    torch.manual_seed(arguments.seed + step)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.benchmark_limit = True, 4
    cfg = config_of(arguments, Z_DIM)
    # A training that goes on sees other pictures than those of its beginning.
    first = FIRST_SEED + step * options.batch
    try:
        renderers = Renderers(arguments.renderers, arguments.size, first)
    except OSError as error:  # no shared memory, or no room for processes
        print(f"no pictures are drawn beside the training ({error})", flush=True)
        renderers = Renderers(0, arguments.size, first)
    try:
        pool = PicturePool(arguments.pool, arguments.size, torch.device(options.device), Z_DIM, mirror())

        def refill(wait: float = 0) -> None:
            if batch := renderers.take(wait):
                pool.add(batch[1], latents(batch[0]))

        if arguments.drawn:
            pool.add(*read_drawn(arguments.drawn, arguments.size))
        while len(pool) < max(options.batch, 2 * SHEET):
            refill(1)
            if not renderers.alive:
                raise FailureError("there are too few pictures: give --drawn or --renderers", code="no_pictures")
        sheet_z, sheet_real = sheet_of(pool)
        bottom, top = seeds_by_wind()
        card = {
            "name": "east-sea", "licence": "MIT", "seeds_bottom": bottom, "seeds_top": top,
            "note": "Trained on pictures that the procedural sea drew.",
        }  # fmt: skip
        generator = Generator(cfg, compiled=False)
        print(f"ready after {time.monotonic() - started:.1f} s with {len(pool)} pictures", flush=True)
        trainer = Trainer(
            options, generator, pool, refill, sheet_z, sheet_real, paired=True, facts=card, started=started
        )
        if facts:
            trainer.resume(facts)
        trainer.run()
    finally:
        renderers.close()
    print(f"ended after {time.monotonic() - started:.1f} s: {trainer.step} steps, {pool.added} pictures", flush=True)


def sheet_of(pool: PicturePool) -> tuple[Tensor, Tensor]:
    """z and pictures of the calmest and of the stormiest of the pool, half and half, some of each left out."""
    order = pool.latents[: len(pool), WIND].argsort()
    spread = max(1, len(order) // (8 * SHEET))
    chosen = torch.cat([order[: spread * SHEET : spread], order[-spread * SHEET :: spread]])
    return pool.latents[chosen], nominal(pool.pictures[chosen])


def seeds_by_wind() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The calmest and the stormiest of SEEDS."""
    order = [int(seed) for seed in np.argsort(latents(list(SEEDS))[:, WIND].numpy())]
    return tuple(sorted(order[:POOL_SEEDS])), tuple(sorted(order[-POOL_SEEDS:]))
