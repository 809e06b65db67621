"""Availability of compiled kernels. Where there are none, plain torch does the same, slower."""

import os
from functools import cache


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
def mkldnn() -> bool:
    """True where torch has oneDNN, whose convolution keeps a core's multipliers busy."""
    import torch

    return bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
