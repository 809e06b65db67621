"""Means that keep a render from flashing: fewer full hits at planning, and a lock on exposure while rendering.

Both are functions of the plan and of one picture alone, so that chunks stay independent. In the order of use:

    events = limit_events(events)                          # planning: hits, before they are shaped
    target = exposure_target(scouted, rate, frames, fps)   # planning: a column of the plan
    rgb = expose(rgb, exposure_gain(luminance(rgb), target[first : first + n]))   # rendering, before 8 bits
"""

from bisect import bisect_left

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.media.flash.grid import LINEAR

# Three flashes a second pass every guideline; a hit is one: its rise and its decay.
HITS_A_SECOND = 3
A_SECOND = 1 - 1e-6  # less what times lose to rounding
# What is left of the others: too little to be a flash, enough to be seen to move.
REST = 0.3

# One stop darker or brighter: more would show noise, or clip.
DARKEST, BRIGHTEST = 0.5, 2.0
# Seconds over which the target follows the walk; slower than any flash, faster than a section.
SMOOTHING = 2.0
_DARK = 1e-3  # of relative luminance; keeps the logarithm and the quotient of black pictures finite

_SAMPLES = 64  # pixels a side that are enough for a picture's mean
_BITS = 16
_WEIGHTS = np.rint(np.array([0.2126, 0.7152, 0.0722])[:, None] * LINEAR[None] * 2**_BITS).astype(np.int64)

# IEC 61966-2-1: codes above this are a power of light, 1.055 L^(1 / 2.4) - 0.055; below it 12.92 L.
_OFFSET, _POWER = 0.055, 1 / 2.4


def limit_events(events: NDArray[np.float64], most: int = HITS_A_SECOND) -> NDArray[np.float64]:
    """Events of which at most `most` in any second keep their strength: the strongest; the others keep 0.3 of theirs.

    events: float64 [n, 2], time in s and strength 0..1. Those of strength 0.3 and less are left alone. The order stays.
    """
    limited, kept = events.copy(), list[float]()
    for index in np.lexsort((events[:, 0], -events[:, 1])):
        time, strength = events[index]
        if strength <= REST:
            break
        place = bisect_left(kept, time)
        near = [*kept[max(0, place - most) : place], time, *kept[place : place + most]]
        if any(last - first < A_SECOND for first, last in zip(near, near[most:], strict=False)):
            limited[index, 1] = strength * REST
        else:
            kept.insert(place, float(time))
    return limited


def exposure_target(scouted: NDArray[np.float64], rate: float, frames: int, fps: float) -> NDArray[np.float32]:
    """The luminance that each frame is to have, float32 [frames].

    scouted: relative luminances of the walk without hits, `rate` pictures a second from 0 s on. Their logarithm's mean
    over 2 s, interpolated.
    """
    logs = np.log(np.maximum(scouted, _DARK))
    half = round(SMOOTHING * rate / 2)
    padded = np.pad(logs, half, mode="edge")
    smooth = np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), mode="valid")
    times = np.arange(frames) / fps
    return np.exp(np.interp(times, np.arange(len(smooth)) / rate, smooth)).astype(np.float32)


def luminance(rgb: Tensor) -> Tensor:
    """Mean relative luminance of pictures, float32 [n]; rgb: sRGB, 0..1, float [n, 3, h, w].

    Of every k-th pixel, at most 127 a side, in integers: the same on any device and in any batch.
    """
    rows, columns = (max(1, size // _SAMPLES) for size in rgb.shape[2:])
    codes = rgb[..., rows // 2 :: rows, columns // 2 :: columns].float().clamp(0, 1).mul(255).round().long()
    weights = torch.from_numpy(_WEIGHTS).to(rgb.device)
    total = torch.stack([weights[i][codes[:, i]] for i in range(3)]).sum(dim=(0, 2, 3))
    return torch.div(total.double(), codes[0, 0].numel() * 2**_BITS).float()


def exposure_gain(luminance: Tensor, target: Tensor, strength: float = 1.0) -> Tensor:
    """Factors of linear light, clip((target / luminance)^strength, 0.5, 2), of the shape of both; strength 0..1."""
    quotient = target.to(luminance) / luminance.clamp(min=_DARK)
    return torch.clamp(torch.pow(quotient, strength), DARKEST, BRIGHTEST)


def expose(rgb: Tensor, gain: Tensor) -> Tensor:
    """Pictures whose linear light is `gain` times as much; rgb: sRGB, 0..1, float [n, 3, h, w]; gain: [n].

    A factor of light is a factor of sRGB's power, so no pixel is raised to one; the toe below is straight, and the
    right branch is the lesser of both when brightening, else the greater, to 0.4 of an 8-bit code.
    """
    gain = gain.to(rgb).view(-1, 1, 1, 1)
    curved = (rgb + _OFFSET) * gain.pow(_POWER) - _OFFSET
    straight = rgb * gain
    return torch.where(gain > 1, torch.minimum(curved, straight), torch.maximum(curved, straight)).clamp(0, 1)
