"""Chooses the walk that a modulation asks for: AKMA's own, at a pace, closed, through keys, or by section."""

from collections.abc import Sequence
from fractions import Fraction

from .keyed_walk import KeyedWalk
from .palettes import SectionedWalk
from .positions import closed, driven, position
from .resolve import Modulation
from .ring_walk import Ring, RingWalk
from .types import Columns, Path
from .walk import Mapping, Walk


def make_walk(
    side: str,
    modulation: Modulation,
    columns: Columns,
    seeds: Sequence[int],
    frames: int,
    fps: Fraction,
    mapping: Mapping,
) -> Path:
    """The walk of `side`, top or bottom, over a song of `frames` frames."""
    kind = getattr(modulation.walk, side)
    if kind == "keys":
        return KeyedWalk(modulation.walk.keys, float(fps), mapping)
    paced = [row for row in modulation.rows if row.target == f"walk.{side}"]
    stepped = [row for row in modulation.rows if row.target == "walk.step"]
    by_section = modulation.walk.palettes == "sections" and modulation.sections
    if kind == "even" and not (paced or stepped or by_section or modulation.loop):
        return Walk(tuple(seeds), frames, mapping)  # AKMA's, to the bit
    even = (len(seeds) - 1) / frames * float(fps)
    pace = driven(paced, columns, frames, fps, 0.0 if kind == "integral" else even)
    gone = position(pace, stepped, columns, fps)
    if by_section:
        rings = {label: Ring(getattr(palette, side), mapping) for label, palette in modulation.palettes.items()}
        return SectionedWalk(rings, modulation.sections, gone, fps)
    if modulation.loop:
        gone, count = closed(gone, modulation.loop, len(seeds))
        seeds = seeds[:count]
    return RingWalk(Ring(tuple(seeds), mapping), gone)
