"""Limits beyond which each photosensitivity guideline calls a failure, as numbers.

Lengths are CSS pixels on a screen of 1920 x 1080 that the picture fills; a picture of another shape touches two sides.
"""

from dataclasses import dataclass
from typing import Literal

SCREEN = (1920, 1080)  # CSS pixels: the screen for which Jordan and Vanderheiden 2024 give 416 x 416

# WCAG 2.2, "general flash and red flash thresholds": a pair of opposing changes of 10 % or more of the maximum relative
# luminance, the darker below 0.80. Ofcom 2017 and ITU-R BT.1702 say 20 cd/m2 and 160 cd/m2, on a screen of 200 cd/m2:
# the same two numbers.
LUMINANCE_STEP = 0.1
DARKER_BELOW = 0.8

# The same entry's note, and ISO 9241-391: to or from R / (R + G + B) >= 0.8 (linear), and more than 0.2 apart on the
# CIE 1976 UCS diagram.
RED_SHARE = 0.8
# WCAG 2.0's measure of red, (R - G - B) x 320 > 20: what is darker looks black.
RED_LIGHT = 20 / 320
CHROMATICITY_STEP = 0.2

# All of them: more than three flashes, that is more than six opposing transitions, within any second.
MOST_TRANSITIONS = 6

Name = Literal["trace24", "wcag2_2", "ofcom2017", "itu_r1702_4", "iso"]


@dataclass(frozen=True)
class Area:
    """Part of the picture that must flash at once: more than `limit` CSS pixels inside a `width` x `height` field."""

    width: int
    height: int
    limit: float


# A quarter of any field of 416 x 416 (Jordan and Vanderheiden 2024: 10 degrees in CSS pixels of 1/96 inch).
TRACE = Area(416, 416, 416 * 416 / 4)
# 0.006 sr, "25% of any 10 degree visual field", for which the note takes a quarter of 341 x 256 pixels. 341 pixels are
# 10 degrees across; a field of view is as high as it is wide, so the field that moves is 341 x 341.
WCAG = Area(341, 341, 341 * 256 / 4)


@dataclass(frozen=True)
class Standard:
    """A guideline: its name, where it is to be found, and its area; None for a quarter of the displayed picture."""

    name: Name
    source: str
    area: Area | None


STANDARDS = (
    Standard("trace24", "Jordan and Vanderheiden 2024, doi 10.1145/3694790", TRACE),
    Standard("wcag2_2", "WCAG 2.2, success criterion 2.3.1", WCAG),
    Standard("ofcom2017", "Ofcom 2017, Guidance Notes, Section 2, Annex 1", None),
    Standard("itu_r1702_4", "Recommendation ITU-R BT.1702", None),
    Standard("iso", "ISO 9241-391:2016", None),
)
