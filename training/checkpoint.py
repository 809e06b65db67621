"""Checkpoints of a training, whole on the disk at every moment: the network, and the state from which it goes on."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from akma_core.errors import RequestError
from akma_core.files import sync, temporary, write_whole, writing
from akma_core.networks.card import CARD, WEIGHTS
from akma_core.networks.stylegan3.file import save
from akma_core.networks.stylegan3.generator import Generator

NETWORK = "network"
"""A link to the folder of the newest network."""
STATE = "state.safetensors"
KEPT = 2
"""Networks kept: who has followed the link still reads the one before."""
FACTS = "training"


def save_network(generator: Generator, out: Path, step: int, **facts: Any) -> None:
    """Write `generator` as `out`/network, an ordinary StyleGAN3 in float32; `facts` are the card's.

    Weights and card are in a folder of their own that a link is moved to, so that nobody ever finds the weights of one
    moment beside the card of another. FailureError: the network is as it was.
    """
    folder = out / f"{NETWORK}-{step:08d}"
    new, link = temporary(folder), temporary(out / NETWORK)
    with writing(folder):
        try:
            new.mkdir()
            save(copy.deepcopy(generator).cpu(), new, dtype=torch.float32, **facts)
            for name in (WEIGHTS, CARD):
                sync(new / name)
            shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed before it moved the link
            new.rename(folder)
            link.symlink_to(folder.name)
            link.replace(out / NETWORK)
        finally:
            link.unlink(missing_ok=True)
            shutil.rmtree(new, ignore_errors=True)
    for old in sorted(out.glob(f"{NETWORK}-*"))[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)


def save_state(out: Path, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write the state of a training into `out`; `facts` is JSON. FailureError: what was there before is there."""
    content = serialize({name: each.detach().contiguous().cpu() for name, each in tensors.items()}, _words(facts))
    write_whole(out / STATE, lambda part: part.write_bytes(content))


def read_facts(out: Path) -> dict[str, Any] | None:
    """The facts of the state in `out`; None where there is none, RequestError where it cannot be read."""
    if not (out / STATE).exists():
        return None
    try:
        with safe_open(out / STATE, "pt") as file:
            return dict(json.loads((file.metadata() or {})[FACTS]))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _unreadable(out, error) from None


def restore(out: Path, tensors: dict[str, Tensor]) -> None:
    """Fill `tensors` with those of the state in `out`; RequestError where they are not the same ones."""
    try:
        with torch.no_grad(), safe_open(out / STATE, "pt") as file:
            if set(file.keys()) != tensors.keys():
                raise ValueError("it is of another training")
            for name, tensor in tensors.items():
                if tuple(file.get_slice(name).get_shape()) != tuple(tensor.shape):
                    raise ValueError(f"{name} has another shape")
                tensor.copy_(file.get_tensor(name))
    except (OSError, ValueError, SafetensorError) as error:
        raise _unreadable(out, error) from None


def clean(out: Path) -> None:
    """Remove what a killed process had not finished. Nobody else may be writing there."""
    for left in out.glob("*.tmp"):
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _words(facts: dict[str, Any]) -> dict[str, str]:
    return {FACTS: json.dumps(facts)}


def _unreadable(out: Path, error: Exception) -> RequestError:
    message = f"{out / STATE} cannot be gone on from ({error}): give another --out, or remove that file to begin anew"
    return RequestError(message, code="bad_state", field="out")
