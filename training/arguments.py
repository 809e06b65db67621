"""Options that every training has, checked."""

import argparse
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from akma_core.errors import RequestError
from akma_core.files import lock_file, writing
from akma_core.networks.stylegan3.config import GeneratorConfig

from .checkpoint import NETWORK, clean, read_facts
from .options import Options

Z_DIM = W_DIM = 256
SIZES = 16, 1024
FLAVOURS: dict[str, dict[str, Any]] = {"T": {}, "R": {"conv_kernel": 1, "use_radial_filters": True}}


def add_common(parser: argparse.ArgumentParser, save_every: float) -> None:
    """Declare them."""
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="folder for the network, its state, sheets and log")
    add("--minutes", type=_positive, required=True, help="minutes in all, over every run of the same command")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    add("--dtype", choices=("bfloat16", "float32"), help="of activations (default: bfloat16 on a GPU)")
    add("--size", type=int, default=256, help="side of a picture, a power of two (default: 256)")
    add("--flavour", choices=sorted(FLAVOURS), default="T", help="StyleGAN3-T, or R, which turns (default: T)")
    add("--layers", type=_count, default=8, help="layers of the generator (default: 8)")
    add("--channel-base", type=_count, default=8192, metavar="N", help="of the generator (default: 8192)")
    add("--channel-max", type=_count, default=256, metavar="N", help="of the generator (default: 256)")
    add("--batch", type=_count, default=Options.batch, metavar="N", help=f"pictures a step (default: {Options.batch})")
    add("--critic-base", type=_count, default=32, metavar="N", help="channels of the discriminator at full size")
    add("--critic-max", type=_count, default=256, metavar="N", help="channels of the discriminator at most")
    add("--learning-rate", type=_positive, default=Options.learning_rate, metavar="X")
    add("--pool", type=_count, default=20000, metavar="N", help="pictures kept on the device (default: 20000)")
    add("--save-every", type=_positive, default=save_every, metavar="S", help=f"seconds (default: {save_every:g})")
    add("--seed", type=int, default=0)


def options_of(arguments: argparse.Namespace, **others: Any) -> Options:
    """The training's options; RequestError where they cannot be."""
    if arguments.size & (arguments.size - 1) or not SIZES[0] <= arguments.size <= SIZES[1]:
        message = f"--size {arguments.size} is no power of two from {SIZES[0]} to {SIZES[1]}: give 64, 128 or 256"
        raise RequestError(message, code="bad_setting", field="size")
    try:
        torch.empty(1, device=arguments.device)
    except (RuntimeError, AssertionError):
        message = f"--device {arguments.device} is not on this machine: give cpu or cuda"
        raise RequestError(message, code="bad_setting", field="device") from None
    return Options(
        out=arguments.out, minutes=arguments.minutes, device=arguments.device, dtype=arguments.dtype,
        batch=arguments.batch, seed=arguments.seed, learning_rate=arguments.learning_rate,
        channels=arguments.critic_base, channels_max=arguments.critic_max, save_every=arguments.save_every, **others,
    )  # fmt: skip


def config_of(arguments: argparse.Namespace, z_dim: int = Z_DIM) -> GeneratorConfig:
    """The configuration of a new generator; RequestError where it makes none."""
    try:
        return GeneratorConfig(
            z_dim=z_dim, w_dim=W_DIM, img_resolution=arguments.size, mapping_layers=2, lr_multiplier=0.5,
            num_layers=arguments.layers, channel_base=arguments.channel_base, channel_max=arguments.channel_max,
            conv_clamp=None, **FLAVOURS[arguments.flavour],
        )  # fmt: skip
    except ValidationError as error:
        detail = error.errors()[0]
        message = f"no generator can be made of these options ({'.'.join(map(str, detail['loc']))}: {detail['msg']})"
        raise RequestError(message, code="bad_setting") from None


@contextmanager
def opened(options: Options) -> Iterator[dict[str, Any] | None]:
    """The folder, made and locked against a second training: what an earlier run left to go on from, if one did."""
    out = options.out
    if (out / NETWORK).is_dir() and not (out / NETWORK).is_symlink():
        raise RequestError(f"{out / NETWORK} is a folder of something else: give another --out", field="out")
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        lock = lock_file(out / ".lock")
    if lock is None:
        raise RequestError(f"another training is writing to {out}: wait for it, or give another --out", field="out")
    with lock:
        clean(out)
        yield read_facts(out)


def ended(options: Options, facts: dict[str, Any] | None) -> bool:
    """True, and a line about it, where the minutes are over already."""
    over = facts is not None and float(facts["spent"]) >= options.minutes * 60
    if over:
        print(f"{options.out} has had its {options.minutes:g} minutes: give more --minutes to go on", flush=True)
    return over


def _positive(text: str) -> float:
    value = float(text)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 10**7:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to 10000000")
    return value
