"""Common part of the scripts that make StyleGAN3s: weights in half precision, and the command that writes them."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from akma_core.networks.builtin import BUILT_IN
from akma_core.networks.kernels.allocator import keep_mapped
from akma_core.networks.stylegan3 import file
from akma_core.networks.stylegan3.generator import Generator


def halved(generator: Generator) -> Generator:
    """`generator` with its weights as half precision keeps them."""
    half = {name: value.half().float() for name, value in generator.state_dict().items()}
    generator.load_state_dict(half)
    return generator


def main(make: Callable[[], Generator], name: str, seeds_top: Sequence[int], seeds_bottom: Sequence[int]) -> None:
    """Write what `make` returns as the network `name`, into the package or into --out."""
    doc = sys.modules["__main__"].__doc__
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=BUILT_IN[name], help="existing folder to write to (default: the package's)"
    )
    options = parser.parse_args()
    keep_mapped()
    card = file.save(
        make(),
        options.out,
        dtype=torch.float16,
        name=name,
        seeds_top=seeds_top,
        seeds_bottom=seeds_bottom,
        canvas="wide",
        licence="MIT",
        note=f"Made in closed form by scripts/make_{name}.py; trained on nothing.",
    )
    print(f"{name} {card.digest[:12]} in {options.out}")
