"""Palettes by section: each part of the song has seeds of its own, which come back when the part does."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from .resolve import Palette, Section
from .ring_walk import Ring
from .types import Floats
from .walk import draw_seeds

TOP, BOTTOM = 6, 4  # seeds a label
FADE = 0.4  # seconds of the change to the next section, which ends on the boundary


def draw_palettes(
    sections: Sequence[Section],
    loudness: Floats,
    fps: Fraction,
    choices: tuple[Sequence[int], Sequence[int]],
    rng: np.random.Generator,
) -> dict[str, Palette]:
    """Seeds for each label; none is in two labels as long as they last.

    `choices`: the network's seeds for loud and for quiet pictures (none: any). Labels louder than the song's mean draw
    their loud walk from the first and their quiet walk from the second; quiet labels draw both from the second.
    `loudness` [frames].
    """
    frames = len(loudness)
    starts = [min(round(section.start * fps), frames) for section in sections]
    labels = list(dict.fromkeys(section.label for section in sections))
    loud: dict[str, list[float]] = {label: [] for label in labels}
    for section, start, stop in zip(sections, starts, [*starts[1:], frames], strict=True):
        loud[section.label].extend(loudness[start:stop].tolist())
    total = (TOP + BOTTOM) * len(labels)
    pools = [list(draw_seeds(max(total, len(seeds)), seeds, rng)) for seeds in choices]
    used: set[int] = set()

    def take(pool: list[int], count: int) -> tuple[int, ...]:
        fresh = [seed for seed in dict.fromkeys(pool) if seed not in used]
        taken = (fresh + pool)[:count]  # few seeds are used again
        used.update(taken)
        return tuple(taken)

    middle = float(loudness.mean())
    palettes = {}
    for label in labels:
        is_loud = bool(loud[label]) and float(np.mean(loud[label])) >= middle
        palettes[label] = Palette(top=take(pools[0 if is_loud else 1], TOP), bottom=take(pools[1], BOTTOM))
    return palettes


class SectionedWalk:
    """A walk whose ring changes with the section; its position counts from the section's own start."""

    def __init__(self, rings: Mapping[str, Ring], sections: Sequence[Section], position: Floats, fps: Fraction) -> None:
        """`rings` by label; `position` [frames] in seeds over the whole song. At least one section."""
        frames = len(position)
        starts = [min(round(section.start * fps), frames) for section in sections]
        starts[0] = 0
        self._sections = [
            (start, stop, rings[section.label])
            for section, start, stop in zip(sections, starts, [*starts[1:], frames], strict=True)
            if start < stop
        ]
        self._position = position
        self._fade = round(FADE * fps)

    def __call__(self, start: int, stop: int) -> Floats:
        """w of frames start..stop, [stop - start, w_dim], float64."""
        parts = []
        for k, (first, end, ring) in enumerate(self._sections):
            lo, hi = max(first, start), min(end, stop)
            if lo >= hi:
                continue
            w = ring(self._position[lo:hi] - self._position[first])
            fading = max(first, end - self._fade)
            if k + 1 < len(self._sections) and hi > fading:
                at = np.arange(max(lo, fading), hi)
                s = (1 - np.cos(np.pi * (at - fading) / (end - fading)))[:, None] / 2
                following = self._sections[k + 1][2](self._position[at] - self._position[end])
                w[at - lo] = (1 - s) * w[at - lo] + s * following
            parts.append(w)
        return np.concatenate(parts)
