"""Targets that may stand at the right of a row: what a feature can move."""

from dataclasses import dataclass

EVENTS_ONLY = ("pull", "walk.step")


@dataclass(frozen=True)
class Target:
    """A target by name."""

    amount: float
    """Value where a row gives none, in the target's unit."""
    range: tuple[float, float]
    """Range in which the sum of its rows is kept unless a row says otherwise."""
    text: str
    """Meaning and unit, for people."""
    rows: bool = False
    """Acts on rows of ws."""
    strength: bool = False
    """Scaled by the strength of a render."""
    ws: bool = False
    """Changes the w that the walks give: a network without layers of w cannot follow."""


TARGETS = {
    "walk.blend": Target(1.0, (0.0, 1.0), "0 the quiet walk, 1 the loud one"),
    "walk.top": Target(0.5, (-20.0, 20.0), "pace of the loud walk, seeds a second"),
    "walk.bottom": Target(0.05, (-20.0, 20.0), "pace of the quiet walk, seeds a second"),
    "walk.step": Target(0.25, (-20.0, 20.0), "seeds that a hit moves both walks on", strength=True),
    "psi": Target(1.0, (-10.0, 10.0), "truncation: w_avg + psi (w - w_avg)"),
    "pull": Target(0.3, (0.0, 1.0), "fraction of the way to another seed", rows=True, strength=True),
    "direction": Target(0.3, (-50.0, 50.0), "mean distances of a w from w_avg", rows=True, strength=True),
    "mix": Target(0.5, (0.0, 1.0), "fraction of another walk", rows=True),
    "class": Target(1.0, (0.0, 1000.0), "weight of a class beside the render's own, which weighs 1"),
    "time": Target(1.0, (0.0, 8.0), "pace of a network that moves by itself, such as the sea; 1 is nature's"),
    "camera.x": Target(0.035, (-1000.0, 1000.0), "picture widths to the right", strength=True),
    "camera.y": Target(0.035, (-1000.0, 1000.0), "picture widths down", strength=True),
    "camera.angle": Target(0.05, (-10_000.0, 10_000.0), "radians clockwise", strength=True),
    "camera.zoom": Target(0.02, (-0.5, 1.0), "factor - 1; redraws details, does not enlarge", strength=True),
    "exposure": Target(0.2, (-1.0, 3.0), "factor of linear light - 1"),
    "contrast": Target(0.2, (-1.0, 3.0), "factor around middle grey - 1"),
    "saturation": Target(0.3, (-1.0, 3.0), "factor around grey - 1"),
}
CAMERA = ("camera.x", "camera.y", "camera.angle", "camera.zoom")
COLOUR = ("exposure", "contrast", "saturation")
PACES = ("walk.top", "walk.bottom")
