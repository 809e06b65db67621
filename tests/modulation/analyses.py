"""A song whose features are given, and a network whose w are random numbers by seed."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from akma_core.modulation import features
from akma_core.modulation.columns import compute_columns
from akma_core.modulation.features import Kind
from akma_core.modulation.grammar import parse_rows
from akma_core.modulation.presets import Preset, WalkOptions
from akma_core.modulation.resolve import Modulation, Section, resolve
from akma_core.modulation.trajectory import Trajectory
from akma_core.modulation.walk import latent
from akma_core.settings import RenderSettings

Floats = NDArray[np.float64]
FPS = Fraction(30)
TOP, BOTTOM, PULL = (3, 1, 4, 15, 9, 26), (5, 35, 89, 79, 32), (7, 8, 11, 12, 13)


class Song:
    """Implements analysis.Analysis."""

    def __init__(self, curve: Floats, hits: Sequence[tuple[float, float]] = (), beats: Sequence[float] = ()) -> None:
        self.frames = len(curve)
        self._curve, self._hits, self._beats = curve, np.array(hits, np.float64).reshape(-1, 2), np.array(beats)
        self.loudness = np.ones(self.frames)

    def kind(self, feature: str) -> Kind:
        known = features.find(feature)
        return known.kind if known else "curve"

    def curve(self, feature: str, _source: str, _band: tuple[float, float] | None) -> Floats:
        return np.ones(self.frames) if feature == "constant" else self._curve

    def events(self, _feature: str, _source: str) -> Floats:
        return self._hits

    def rms(self, _seconds: float) -> Floats:
        return self.loudness

    def beats(self) -> Floats:
        return self._beats

    def downbeats(self) -> Floats:
        return self._beats[::4]

    def sections(self) -> list[Section]:
        return [Section(start=0, label="A")]


class Network:
    """Implements trajectory.MappingNetwork: w is the seed's latent, w_avg is 0.5 throughout."""

    rates: Sequence[float] = (0.0, 16.0, 32.0, 64.0, 128.0, 256.0, float("inf"))
    average = 0.5

    def __init__(self, w_dim: int = 6, psi: float = 1.0) -> None:
        self.w_dim, self.psi, self.key = w_dim, psi, f"numbers {w_dim}"

    class_index = 0

    def __call__(self, seeds: Sequence[int], psi: float | None = None, class_index: int | None = None) -> Floats:
        w = np.stack([latent(seed, self.w_dim) for seed in seeds]) + 3 * (class_index or 0)
        moved: Floats = self.average + (self.psi if psi is None else psi) * (w - self.average)
        return moved

    def of(self, seed: int, psi: float | None = None) -> Floats:
        w: Floats = self([seed], psi)[0]
        return w


def modulation_of(*rows: str, top: str = "even", bottom: str = "even", **settings: object) -> Modulation:
    """The modulation of these rows alone."""
    walk = WalkOptions.model_validate({"top": top, "bottom": bottom})
    wishes = RenderSettings.parse({"modulation": list(rows), **settings})
    made = resolve(wishes, Preset(name="test", walk=walk, modulation=parse_rows([])), own_curve=False)
    return made.model_copy(update={"seeds_pull": PULL})


def trajectory_of(
    modulation: Modulation, song: Song, network: Network | None = None, fps: Fraction = FPS
) -> Trajectory:
    """The trajectory of a modulation on a song."""
    network = network or Network()
    columns, _ = compute_columns(modulation, song, song.curve("curve", "mix", None), fps)
    return Trajectory(modulation, columns, (TOP, BOTTOM), song.frames, fps, network.psi, network)
