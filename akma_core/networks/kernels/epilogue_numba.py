"""Pictures and epilogues as Numba kernels take them: flat arrays with room to read whole vectors."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .epilogue import Epilogue
from .simd import LANES, fma, jit, maximum, minimum, splat, store

F32 = np.float32
Numbers = NDArray[np.float32]


class Flat(NamedTuple):
    """A picture [height, width, channels] as a flat array whose pixels are `pixel` numbers apart."""

    numbers: Numbers
    height: int
    width: int
    channels: int
    pixel: int


class Finish(NamedTuple):
    """Parameters of the epilogue of one picture: see epilogue.py. Arrays have room to read whole vectors."""

    scale: Numbers
    bias: Numbers
    slope: Numbers
    clamp: np.float32


def flat(picture: Tensor) -> Flat:
    """Return [C, H, W] as Flat, channels last, where it may be a slice of more channels."""
    channels, height, width = picture.shape
    pixel = picture.stride(1) // width if height > 1 else picture.stride(2)
    numbers = picture.as_strided(((height * width - 1) * pixel + channels,), (1,)).numpy()
    return Flat(numbers, height, width, channels, pixel)


def finish_of(epilogue: Epilogue, picture: int, channels: int) -> Finish:
    """Return the epilogue of one picture, its arrays as long as `channels` of the packed weights."""
    scale, bias, slope = np.ones(channels, F32), np.zeros(channels, F32), np.ones(channels, F32)
    if epilogue.scale is not None:
        scale[: epilogue.scale.shape[1]] = epilogue.scale[picture].numpy()
    if epilogue.bias is not None:
        bias[: len(epilogue.bias)] = epilogue.bias.detach().numpy()
    if isinstance(epilogue.slope, float):
        slope[:] = epilogue.slope
    elif epilogue.slope is not None:
        slope[: len(epilogue.slope)] = epilogue.slope.detach().numpy()
    clamp = F32(np.inf if epilogue.clamp is None else epilogue.clamp)
    return Finish(scale, bias, slope, clamp)


def vectors(style: Tensor) -> Numbers:
    """[C] with zeros at the end, to whole vectors."""
    full = np.zeros(-(-len(style) // LANES) * LANES, F32)
    full[: len(style)] = style.numpy()
    return full


def noise_of(epilogue: Epilogue, picture: int, step: int) -> Numbers | None:
    """[H, W] of one picture, with room for whole tiles of `step`."""
    if epilogue.noise is None:
        return None
    noise = epilogue.noise[picture % len(epilogue.noise)]
    room = [-(-side // step) * step for side in noise.shape]
    full = np.zeros(room, F32)
    full[: noise.shape[0], : noise.shape[1]] = noise.numpy()
    return full


@jit(inline="always")
def activated(v, slope, clamp):
    v = fma(slope, minimum(v, splat(F32(0))), maximum(v, splat(F32(0))))
    return maximum(minimum(v, splat(clamp)), splat(-clamp))


@jit(inline="always")
def store_lanes(out, at, v, lanes, room):
    """out[at : at + lanes] = the first `lanes` of v; `room` for a whole vector is written."""
    if lanes == LANES:
        store(out, at, v)
    else:
        store(room, 0, v)
        for k in range(lanes):
            out[at + k] = room[k]
