"""Noise inputs: a normal number for each pixel, a pure function of seed, frame and layer.

Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011): pixels are counted and the count
is enciphered, so that any frame's noise is had without that of the frames before it. The integers are the same on every
device, and the numbers to the rounding of its logarithm and cosine.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

WORD = 0xFFFFFFFF
ROUNDS = 10


def normal(seeds: Tensor, layer: int, height: int, width: int) -> Tensor:
    """Noise of N(0, 1), [n, height, width], float32, of seeds [n] int64: see modulation.inputs.noise_seeds."""
    count = height * width
    index = torch.arange(-(-count // 4), device=seeds.device)
    zero = torch.zeros_like(index)
    words = philox((index, zero + layer, zero, zero), (seeds[:, None] & WORD, seeds[:, None] >> 32 & WORD))
    numbers = []
    for a, b in (words[:2], words[2:]):  # Box and Muller: two normal numbers of two uniform ones
        radius = ((a.to(torch.float32) + 0.5) * 2.0**-32).log_().mul_(-2).sqrt_()
        angle = b.to(torch.float32) * (2 * math.pi * 2.0**-32)
        numbers += [radius * angle.cos(), radius * angle.sin()]
    return torch.stack(numbers, -1).flatten(1)[:, :count].view(-1, height, width)


def philox(counter: Sequence[Tensor], key: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    """Four words of 32 bits enciphered under two; each an int64 tensor of 0 .. 2^32 - 1."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(ROUNDS):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2  # 64 bits; what int64 takes for a sign is masked off below
        c0, c1, c2, c3 = (b >> 32 & WORD) ^ c1 ^ k0, b & WORD, (a >> 32 & WORD) ^ c3 ^ k1, a & WORD
        k0, k1 = k0 + 0x9E3779B9 & WORD, k1 + 0xBB67AE85 & WORD
    return c0, c1, c2, c3
