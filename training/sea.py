"""`python -m training sea`: a network of the sea, from pictures that are drawn as it learns."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from akma_core.errors import FailureError
from akma_core.networks.sea.scene import WIND
from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.generator import Generator

from .options import Options
from .pool import PicturePool
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


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    sea = commands.add_parser("sea", help="train on the sea, drawn as it learns", description=__doc__)
    sea.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the network, sheets and log")
    sea.add_argument("--minutes", type=float, required=True, help="minutes until it ends, the last checkpoint included")
    sea.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    sea.add_argument("--dtype", choices=("bfloat16", "float32"), help="of activations (default: bfloat16 on a GPU)")
    sea.add_argument("--drawn", type=Path, metavar="DIR", help="pictures drawn before, named after their seeds")
    sea.add_argument("--renderers", type=int, default=1, metavar="N", help="processes that draw pictures (default: 1)")
    sea.add_argument("--pool", type=int, default=20000, metavar="N", help="pictures kept on the device")
    sea.add_argument("--size", type=int, default=256, help="side of a picture, a power of two (default: 256)")
    sea.add_argument("--layers", type=int, default=8, help="layers of the generator (default: 8)")
    sea.add_argument("--channel-base", type=int, default=8192, help="of the generator (default: 8192)")
    sea.add_argument("--channel-max", type=int, default=256, help="of the generator (default: 256)")
    sea.add_argument("--batch", type=int, default=Options.batch)
    sea.add_argument("--critic-base", type=int, default=32, help="channels of the discriminator at full size")
    sea.add_argument("--critic-max", type=int, default=256, help="channels of the discriminator at most")
    sea.add_argument("--learning-rate", type=float, default=Options.learning_rate)
    sea.add_argument("--seed", type=int, default=0)
    sea.set_defaults(run=run)


def run(arguments: argparse.Namespace, started: float) -> None:
    """Train until the time is over."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(arguments.seed)
    torch.backends.cudnn.benchmark, torch.backends.cudnn.benchmark_limit = True, 4
    options = Options(
        out=arguments.out, minutes=arguments.minutes, device=arguments.device, dtype=arguments.dtype,
        batch=arguments.batch, seed=arguments.seed, learning_rate=arguments.learning_rate,
        channels=arguments.critic_base, channels_max=arguments.critic_max,
    )  # fmt: skip
    try:
        renderers = Renderers(arguments.renderers, arguments.size, FIRST_SEED)
    except OSError as error:  # no shared memory, or no room for processes
        print(f"no pictures are drawn beside the training ({error})", flush=True)
        renderers = Renderers(0, arguments.size, FIRST_SEED)
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
        cfg = GeneratorConfig(
            z_dim=Z_DIM, w_dim=256, img_resolution=arguments.size, mapping_layers=2, lr_multiplier=0.5,
            num_layers=arguments.layers, channel_base=arguments.channel_base, channel_max=arguments.channel_max,
            conv_clamp=None,
        )  # fmt: skip
        sheet_z, sheet_real = sheet_of(pool)
        bottom, top = seeds_by_wind()
        facts = {
            "name": "east-sea", "licence": "MIT", "seeds_bottom": bottom, "seeds_top": top,
            "note": "Trained on pictures that the procedural sea drew.",
        }  # fmt: skip
        generator = Generator(cfg, compiled=False)
        print(f"ready after {time.monotonic() - started:.1f} s with {len(pool)} pictures", flush=True)
        trainer = Trainer(
            options, generator, pool, refill, sheet_z, sheet_real, paired=True, facts=facts, started=started
        )
        trainer.run()
    finally:
        renderers.close()
    print(f"ended after {time.monotonic() - started:.1f} s: {trainer.step} steps, {pool.added} pictures", flush=True)


def sheet_of(pool: PicturePool) -> tuple[Tensor, Tensor]:
    """z and pictures of the calmest and of the stormiest of the pool, half and half, some of each left out."""
    order = pool.latents[: len(pool), WIND].argsort()
    spread = max(1, len(order) // (8 * SHEET))
    chosen = torch.cat([order[: spread * SHEET : spread], order[-spread * SHEET :: spread]])
    return pool.latents[chosen], pool.pictures[chosen].float() / 127.5 - 1


def seeds_by_wind() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The calmest and the stormiest of SEEDS."""
    order = [int(seed) for seed in np.argsort(latents(list(SEEDS))[:, WIND].numpy())]
    return tuple(sorted(order[:POOL_SEEDS])), tuple(sorted(order[-POOL_SEEDS:]))
