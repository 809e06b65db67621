"""Waves: channels of a StyleGAN3's Fourier input, and fields that are sums of them."""

import math
from collections.abc import Callable, Mapping

import numpy as np
from closed_form import Expression, Style, total
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Field = Callable[[Floats], Expression]
"""What a field is a step away, [2] in picture widths: the same channels with other numbers."""


class Waves:
    """Sines of random directions. Each frequency has two, a quarter of a wave apart, whose strengths w decides."""

    def __init__(self, rng: np.random.Generator, speeds: Floats, leaning: float) -> None:
        """`speeds`: cycles a picture width; `leaning`: standard deviation of their direction from across, radians."""
        self._rng, self._speeds = rng, rng.permutation(speeds)
        self.channels: list[tuple[float, float, float]] = []
        self.styles: dict[int, Style] = {}
        angles = rng.normal(0, leaning, len(speeds))
        self._frequencies = np.stack([np.cos(angles), np.sin(angles)], 1) * self._speeds[:, None]
        self._bank = [
            self.channel(x, y, phase, 0, {f"wave {number}{half}": 1})
            for number, (x, y) in enumerate(self._frequencies)
            for half in "ab"
            for phase in (0, 0.25)
        ]

    def channel(self, x: float, y: float, phase: float, mean: float, deviations: Mapping[str, float]) -> Expression:
        """Add a channel: cycles a picture width, phase in cycles; mean and deviations of its factor."""
        self.styles[len(self.channels)] = mean, deviations
        self.channels.append((float(x), float(y), phase))
        return Expression({len(self.channels) - 1: 1.0})

    def number(self, deviations: Mapping[str, float]) -> Expression:
        """Add a number that is the same all over the picture."""
        return self.channel(0, 0, 0.25, 0, deviations)

    def field(self, falloff: float, size: float) -> Field:
        """A sum of all waves with random phases, strengths by speed ** -falloff; `size` is its deviation over w."""
        phases = self._rng.uniform(-math.pi, math.pi, len(self._speeds))
        strengths = self._speeds**-falloff * np.exp(self._rng.normal(0, 0.5, len(self._speeds)))
        strengths *= size / np.linalg.norm(strengths)

        def at(step: Floats) -> Expression:
            angles = 2 * math.pi * self._frequencies @ step + phases
            cos, sin = strengths * np.cos(angles), strengths * np.sin(angles)
            return total(self._bank, np.stack([cos, sin, -sin, cos], 1).ravel().tolist())

        return at
