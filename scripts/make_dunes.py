"""Make "dunes", a StyleGAN3-R in closed form, trained on nothing: sheets one before another, one light, a calm ground.

A sheet is where a field of slow waves is above zero; nearer ones hide it and cast shadows on it. A second field,
folded, is its relief; a third, folded over and over, the fine ripples of the nearest. Light is what a field loses on a
short step towards the lamp, so that all is lit from one side. The nearer, the darker and the sharper.

    python scripts/make_dunes.py [--out FOLDER]      writes network.safetensors and network.json
"""

import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))

from closed_form import Expression, Program, Rows, Style, total
from made_network import halved, main
from waves import Field, Floats, Waves

from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.generator import Generator

SEED = 5
SHEETS, RIPPLED = 6, 3  # sheets, the farthest first, and how many of the nearest have ripples
SPEEDS = np.geomspace(0.3, 2.3, 18)  # of the waves, cycles a picture width
LEANING = 0.7  # radians
LAMP = np.array([-0.6, -0.8])  # direction towards it; y points down
RELIEF_STEP, RIPPLE_STEP, SHADOW_STEP = 0.03, 0.006, 0.07  # towards the lamp, picture widths
FARTHEST, NEAREST = -0.22, 0.45  # where sheets begin, picture widths below the middle
EDGE, HILLS, VEILS = 0.21, 0.5, 0.45  # deviations of the fields over w
STEEP = np.geomspace(25, 90, SHEETS)  # slopes of the sheets' edges
CAMERA = 0.2, 0.2, 0.15  # deviations over w: radians, picture widths
RAMP, GLOW = 0.12, 0.33  # cycles a picture width of the sines that stand for x and y, and of the glow's
FLARES = 0.13, 0.16  # how much w lightens and darkens the sheets, and the ground: hits are seen by it

NEAR_DARK, FAR_DARK = np.array([0.06, 0.04, 0.12]), np.array([0.12, 0.17, 0.32])
NEAR_LIGHT, FAR_LIGHT = np.array([0.62, 0.29, 0.17]), np.array([0.48, 0.40, 0.38])
NEAR_BRIGHT, FAR_BRIGHT = np.array([0.35, 0.50, 0.40]), np.array([0.22, 0.25, 0.15])
GROUND = np.array([[0.04, 0.08, 0.22], [0.68, 0.48, 0.34], [0.20, 0.36, 0.18]])  # dark, light, bright
HUES = np.array([[-0.17, 0.08, 0.13], [0.17, -0.02, -0.21], [0.10, -0.16, 0.12]])  # of every third sheet
WARM, ROSE = np.array([0.25, 0.0, -0.28]), np.array([0.08, -0.16, 0.12])

CONFIG = GeneratorConfig(
    z_dim=512,
    w_dim=512,
    img_resolution=256,
    channel_base=8192,
    channel_max=88,
    conv_kernel=1,
    use_radial_filters=True,
    num_layers=10,
    num_critical=3,
    first_cutoff=8.0,
    first_stopband=16.0,
    last_stopband_rel=1.1,
    num_fp16_res=2,  # edges are differences of fields, whose layers are better in full precision
    conv_clamp=1.0,
    output_scale=1.0,
)

# Chosen by looking at seeds 0..239: sun and day for the loud walk, dusk and night for the quiet one.
SEEDS_TOP = (
    0, 4, 7, 10, 16, 19, 24, 47, 56, 57, 63, 65, 66, 68, 78, 80, 84, 85, 88, 93, 103, 107, 108, 109, 110, 115, 117,
    123, 138, 145, 148, 150, 154, 155, 157, 159, 164, 165, 166, 175, 177, 178, 182, 187, 193, 198, 200, 204, 205, 209,
    211, 213, 214, 219, 222, 237,
)  # fmt: skip
SEEDS_BOTTOM = (
    2, 3, 11, 14, 15, 21, 29, 31, 33, 36, 39, 53, 58, 64, 67, 70, 73, 76, 82, 95, 101, 102, 104, 106, 113, 114, 119,
    122, 129, 137, 139, 143, 147, 168, 171, 176, 183, 190, 194, 195, 199, 203, 207, 210, 217, 218, 221, 225, 228, 235,
)  # fmt: skip

HERE = np.zeros(2)
NEAR = np.linspace(0, 1, SHEETS)  # of each sheet
FINE = range(SHEETS - RIPPLED, SHEETS)
Pair = tuple[Expression, Expression]
"""A field here, and a step towards the lamp."""


class Scene:
    """Values that the layers hand on; lists have an entry a sheet. Methods write the rows of a layer each, in order."""

    inside: list[Expression]
    """Above zero on the sheet, about the way to its edge in picture widths."""
    shadow: list[Expression]
    """The same SHADOW_STEP nearer the lamp; in the end 1 where the sheet darkens what lies behind."""
    relief: list[Pair]
    """The ground's is the last."""
    ripples: dict[int, Pair]
    lit: list[Expression]
    tones: list[Expression]
    """Lightness, 0 to 1; the ground's is the last."""
    seen: list[Expression]
    """1 where a sheet, or last the ground, is seen, else 0."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.waves = Waves(rng, SPEEDS, LEANING)

    def fields(self, rows: Rows) -> None:
        """All forms, as sums of waves."""
        waves, unit = self.waves, 1 / (2 * math.pi * RAMP)
        x = waves.channel(RAMP, 0, 0, 0, {"tilt": 0.8}) * unit
        y = waves.channel(0, RAMP, 0, 1, {"spread": 0.35}) * unit
        self.glow = waves.channel(GLOW, 0, 0.25, 1, {}) + waves.channel(GLOW, 0, 0, 0, {"glow x": 0.45})
        self.glow += waves.channel(0, GLOW, 0.25, 1, {}) + waves.channel(0, GLOW, 0, -0.5, {"glow y": 0.3})
        self.moon = self.glow + waves.number({"moon": 0.12})
        self.inside, self.shadow, self.relief, self.ripples = [], [], [], {}
        for k, near in enumerate(NEAR):
            start = x + y + waves.number({f"rise {k}": 0.18, "rise": 0.12}) - (FARTHEST + (NEAREST - FARTHEST) * near)
            lean = 1.6 * math.sin(self._rng.normal(0.9, 0.6))
            edge = _sloping(waves.field(1.4, EDGE), start, 1)
            land = _sloping(waves.field(0.9, HILLS), 1.2 * x + lean * y, lean)
            self.inside.append(rows.bounded(edge(HERE), -1.4, 1.4))
            self.shadow.append(rows.bounded(edge(LAMP * SHADOW_STEP), -1.4, 1.4))
            self.relief.append((rows.bounded(land(HERE), -2, 2), rows.bounded(land(LAMP * RELIEF_STEP), -2, 2)))
            if k in FINE:
                here, there = (2 * edge(step) + 0.8 * land(step) - 0.3 for step in (HERE, LAMP * RIPPLE_STEP))
                self.ripples[k] = rows.bounded(here, -1.5, 1.5), rows.bounded(there, -1.5, 1.5)
        veils = _sloping(waves.field(1.2, VEILS), 1.2 * x, 0)
        self.relief.append((rows.bounded(veils(HERE), -2, 2), rows.bounded(veils(LAMP * RELIEF_STEP), -2, 2)))
        self.glow, self.moon = rows.carried([self.glow, self.moon], -3, 3)

    def fold(self, rows: Rows) -> None:
        """Relief gets crests; ripples get wide where their field is far from zero."""
        self.relief = [(rows.absolute(here, 1.6), rows.absolute(there, 1.6)) for here, there in self.relief]
        self.ripples = {k: _each(pair, lambda e: rows.absolute(e, 1.2)) for k, pair in self.ripples.items()}
        self._carry(rows)

    def light(self, rows: Rows) -> None:
        """Relief is lit, ripples are folded."""
        self.lit = [rows.bounded((there - here) * (0.22 / RELIEF_STEP), -1, 1) for here, there in self.relief]
        self.ripples = {k: _each(pair, lambda e: _folded(rows, e - 0.6, 0.3)) for k, pair in self.ripples.items()}
        self._carry(rows)
        one = Expression(constant=1)
        self.flares = [rows.styled(one, (0, {f"flare {n}": size})) for n, size in enumerate(FLARES)]

    def refine(self, rows: Rows) -> None:
        """Ripples are folded again."""
        self.ripples = {k: _each(pair, lambda e: _folded(rows, e - 0.15, 0.075)) for k, pair in self.ripples.items()}
        self._carry(rows)
        self._carry_light(rows)

    def finish(self, rows: Rows) -> None:
        """Ripples are folded for the last time."""
        self.ripples = {k: _each(pair, lambda e: rows.absolute(e - 0.0375, 0.0375)) for k, pair in self.ripples.items()}
        self._carry(rows)
        self._carry_light(rows)

    def bound(self, rows: Rows) -> None:
        """Ripples are lit, and fields get their upper bounds."""
        self.facing = [rows.bounded(6 * (a - b) - 0.05, -1.5, 1) for a, b in zip(self.inside, self.shadow, strict=True)]
        self.body = [rows.bounded(e, 0, 0.5) for e in self.inside]
        self.brim = [rows.bounded(25 * e, 0, 1) for e in self.inside]
        self.inside = [rows.bounded(e, -1.4, 1 / steep) for e, steep in zip(self.inside, STEEP, strict=True)]
        self.shadow = rows.carried(self.shadow, -0.1, 0.25)
        ripples = {k: there - here for k, (here, there) in self.ripples.items()}
        self.rippled = {k: rows.bounded(e * (0.26 / RIPPLE_STEP), -1, 1) for k, e in ripples.items()}
        self._carry_light(rows)
        self.glow, self.moon = rows.bounded(self.glow, -3, 3), rows.bounded(self.moon, -3, 2.2)

    def cut(self, rows: Rows) -> None:
        """Sheets get their edges: fields get their lower bounds."""
        self.masks = [_ramp(rows, e * steep) for e, steep in zip(self.inside, STEEP, strict=True)]
        self.disc = _ramp(rows, 8 * (self.moon - 2.08))
        self.shadow = [_ramp(rows, 3.5 * e + 0.175) for e in self.shadow]
        self.rims = [rows.positive(0.2 - a + 0.8 * b) for a, b in zip(self.brim, self.facing, strict=True)]
        self.tones = []
        for k, near in enumerate(NEAR):
            tone = 0.5 + (0.38 + 0.12 * near) * self.lit[k] - (0.5 - 0.15 * near) * self.body[k] + self.flares[0]
            if k in FINE:
                tone += 0.27 * near * self.rippled[k]
            self.tones.append(rows.bounded(tone, -0.5, 1.5))
        self.tones.append(rows.bounded(0.32 * self.glow - 0.2 + 0.2 * self.lit[-1] + self.flares[1], -0.5, 1.5))

    def hide(self, rows: Rows) -> None:
        """Sheets hide and darken what lies behind."""
        nearer = [total(self.masks[k + 1 :]) for k in range(SHEETS)]
        # A little more than all that is nearer: the filters' overshoot would draw hidden edges.
        self.seen = [rows.positive(a - 1.1 * b) for a, b in zip(self.masks, nearer, strict=True)]
        self.seen.append(1 - rows.bounded(total(self.masks), 0, 1))
        *sheets, ground = self.tones
        for k, tone in enumerate(sheets):
            dark = 0.28 * total(self.shadow[k + 1 : k + 3]) + 0.1 * total(self.shadow[k + 3 :])
            self.tones[k] = rows.bounded(tone + 0.5 * self.rims[k] - dark, 0, 1)
        self.tones[-1] = rows.bounded(ground + 0.25 * self.disc - 0.1 * total(self.shadow[1:]), 0, 1)

    def gate(self, rows: Rows) -> None:
        """Lightness where it is seen, else 0, and what of it is above a half."""
        seen = rows.carried(self.seen, 0, 1)
        self.low, self.high = [], []
        for tone, before, after in zip(self.tones, self.seen, seen, strict=True):
            self.low.append(rows.bounded(tone + 1 - before, 0, 1) - 1 + after)
            self.high.append(rows.bounded(2 * tone - 1 + 2 * (1 - before), 0, 1) - 1 + after)
        self.seen = seen

    def paint(self, rows: Rows) -> None:
        """Colours: of what is dark, what light adds, what bright light adds, and how w turns them."""
        self.colours = [Expression() for _ in "rgb"]
        near, far = NEAR.tolist(), (1 - NEAR).tolist()
        for k, (a, b) in enumerate(zip(near, far, strict=True)):
            self._put(rows, self.seen[k], a * NEAR_DARK + b * FAR_DARK)
            self._put(rows, self.low[k], a * NEAR_LIGHT + b * FAR_LIGHT)
            self._put(rows, self.low[k], HUES[k % 3], (0, {f"hue {k}": 1.2}))
        sheets = total(self.low[:-1])
        self._put(rows, total(self.high[:-1], near), NEAR_BRIGHT)
        self._put(rows, total(self.high[:-1], far), FAR_BRIGHT)
        self._put(rows, sheets, WARM * 0.9, (0, {"warm": 1.25}))
        self._put(rows, sheets, ROSE, (0, {"rose": 1.1}))
        for part, colour in zip((self.seen, self.low, self.high), GROUND, strict=True):
            self._put(rows, part[-1], colour)
        self._put(rows, self.low[-1], WARM, (0, {"ground warm": 1.4, "warm": 0.4}))
        self._put(rows, self.low[-1], ROSE, (0, {"ground rose": 1.1}))
        haze = (total(self.seen[:-1], far) + 1.2 * self.seen[-1]) * (1 / 1.2)
        self._put(rows, haze, WARM * 0.4, (0, {"ground warm": 1}))

    def _put(self, rows: Rows, e: Expression, colour: Floats, style: Style | None = None) -> None:
        e = rows.styled(e, style) if style else rows.bounded(e, 0, 1)
        self.colours = [c + e * float(value) for c, value in zip(self.colours, colour, strict=True)]

    def _carry(self, rows: Rows) -> None:
        """Carry through the early layers what they leave as it is."""
        self.inside, self.shadow = rows.carried(self.inside, -1.4, 1.4), rows.carried(self.shadow, -1.4, 1.4)
        self.glow, self.moon = rows.carried([self.glow, self.moon], -3, 3)

    def _carry_light(self, rows: Rows) -> None:
        self.lit, self.flares = rows.carried(self.lit, -1, 1), rows.carried(self.flares, -0.6, 0.6)


def _sloping(field: Field, plane: Expression, down: float) -> Field:
    """`field` on a plane that falls by `down` a picture width towards the lower edge."""
    return lambda step: field(step) + plane + down * float(step[1])


def _each(pair: Pair, change: Callable[[Expression], Expression]) -> Pair:
    return change(pair[0]), change(pair[1])


def _folded(rows: Rows, e: Expression, width: float) -> Expression:
    """e, of -2 to 2 `width`, folded to 0 to `width`: a W."""
    sides = rows.absolute(e + width, 3 * width) + rows.absolute(e - width, 3 * width)
    return sides - rows.absolute(e, 2 * width) - width


def _ramp(rows: Rows, e: Expression) -> Expression:
    """max(e, 0), for e that has its upper bound, 1, already."""
    return 1 - rows.bounded(1 - e, 0, 1)


@torch.no_grad()
def make() -> Generator:
    """The network; the same on every run of one machine and torch."""
    program, scene = Program(CONFIG, SEED), Scene(np.random.default_rng(SEED))
    styles = scene.waves.styles
    early = scene.fields, scene.fold, scene.light, scene.refine, scene.finish
    late = scene.bound, scene.cut, scene.hide, scene.gate, scene.paint
    for step in early + late:
        rows = Rows()
        step(rows)
        program.layer(rows, styles)
        styles = rows.styles
    program.input(scene.waves.channels, CAMERA)
    return halved(program.torgb(scene.colours, styles))


if __name__ == "__main__":
    main(make, "dunes", SEEDS_TOP, SEEDS_BOTTOM)
