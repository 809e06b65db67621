"""Choppy waves seen from above: what stands over each place, once every piece of water has moved to its own.

A tile says of each piece of water where it would rest and how far it is from there. A ray wants the opposite, what is
found at a place. That is solved here once for every texel, so that a ray reads a height and has it.
"""

from .ops import Texels, Value, at_least, between, between_four, shared
from .texture import corners

TRIES = 4
"""Newton's steps, along each axis by itself; where the surface folds they only come near."""
FLATTEST = 0.3
"""Least stretch that a step believes."""


@shared
def settled(moves: Texels, traits: Texels, x: Value, y: Value) -> tuple[Value, ...]:
    """The eight channels of `traits` for the water that has come to (x, y), in tiles.

    moves: displacement along the tile's sides, in tiles, and its stretch along them, [1, texels, 4].
    """
    u, v = x, y
    for _ in range(TRIES):
        at, across, down = corners(u, v, 0)
        m = between_four(moves, 0, at, across, down)
        u = u - (u + m[0] - x) / at_least(1.0 + m[2], FLATTEST)
        v = v - (v + m[1] - y) / at_least(1.0 + m[3], FLATTEST)
    at, across, down = corners(u, v, 0)
    return between(traits, 0, at, across, down)
