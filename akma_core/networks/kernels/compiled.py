"""Availability of compiled kernels. Where there are none, plain torch does the same, slower."""

import importlib.util
import os
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

TRITON = importlib.util.find_spec("triton") is not None  # comes with torch where torch has CUDA


@cache
def available() -> bool:
    """True where Numba works and the environment does not say AKMA_COMPILED=0."""
    if os.environ.get("AKMA_COMPILED") == "0":
        return False
    try:
        from . import simd  # noqa: F401
    except ImportError:
        return False
    return True


@cache
def has_amx() -> bool:
    """True where kernels are compiled and may use AMX; the environment's AKMA_AMX=0 says no."""
    if os.environ.get("AKMA_AMX") == "0" or not available():
        return False
    from . import amx as tiles

    return tiles.available()


@cache
def mkldnn() -> bool:
    """True where torch has oneDNN, whose convolution keeps a core's multipliers busy."""
    import torch

    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def fused(x: "Tensor") -> bool:
    """True where Triton does in one pass what follows a convolution whose result is `x`."""
    return TRITON and x.device.type == "cuda"
