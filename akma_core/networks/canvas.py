"""Canvases: pictures of another shape than the network's own, and the ways to make them.

wide: the network computes them, its coordinates going on beyond the square (StyleGAN3), or any size as such (sea).
mirrored: its picture goes on as its own mirror image. fitted: its picture whole in the middle, mirrored out of focus
beside it. panelled: pictures side by side, every other one the opposite of the one beside it.
"""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from akma_core.errors import RequestError

from . import kinds
from .card import NetworkCard

Way = Literal["wide", "mirrored", "fitted", "panelled"]
SIXTEENTHS = 16
MOST = 8  # times as long as the network's picture, on either side
SHAPE = r"^([1-9][0-9]{0,3}(\.[0-9]{1,3})?:[1-9][0-9]{0,3}(\.[0-9]{1,3})?|[1-9][0-9]{1,3}x[1-9][0-9]{1,3})$"


@dataclass(frozen=True)
class Canvas:
    """Size of a canvas in pixels, both even."""

    width: int
    height: int

    def sixteenths(self, card: NetworkCard) -> tuple[int, int]:
        """Columns and rows in sixteenths of the network's picture, even numbers that the canvas lies within.

        Odd ones would shift the grid of samples by half a sample, and with it every pixel of the square.
        """
        sides = (self.width, card.width), (self.height, card.height)
        columns, rows = (2 * math.ceil(SIXTEENTHS // 2 * side / own) for side, own in sides)
        return columns, rows


def goes_on(card: NetworkCard) -> bool:
    """Tell whether the network draws more of the same beyond its picture."""
    return card.canvas == "wide" and kinds.of(card).WIDE


def canvas_of(shape: str, card: NetworkCard) -> Canvas:
    """The canvas that `shape` names, for the network `card`: 16:9, the network's picture being the shorter side, or
    pixels, 640x360.

    RequestError where a side would be more than 8 times as long as the network's picture, or shorter; where it goes on
    beyond its picture, shorter than a quarter of it: what lies in the middle is drawn then.
    """
    if not re.fullmatch(SHAPE, shape, re.ASCII):
        raise _wrong(f"shape should be such as 16:9, 9:16 or 640x360, not {shape[:40]!r}")
    if ":" in shape:
        across, down = map(Fraction, shape.split(":"))
        ratio = across / down * Fraction(card.height, card.width)
        width, height = card.width * max(ratio, Fraction(1)), card.height * max(1 / ratio, Fraction(1))
    else:
        width, height = map(Fraction, shape.split("x"))
    least = Fraction(4, SIXTEENTHS) if goes_on(card) else 1
    if width < least * card.width or height < least * card.height:
        own = f"{card.width}x{card.height}"
        raise _wrong(f"shape {shape} is smaller than network {card.name} draws ({own}): give a ratio, and size")
    if width > MOST * card.width or height > MOST * card.height:
        raise _wrong(f"shape {shape} is more than {MOST} times what network {card.name} draws: give a smaller one")
    even = (2 * round(side / 2) for side in (width, height))
    return Canvas(*even)


def _wrong(message: str) -> RequestError:
    return RequestError(message, code="bad_setting", field="shape")
