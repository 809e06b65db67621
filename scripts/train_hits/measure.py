"""Time of a random song: tempo, metre, swing and how loosely it is played."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measure:
    """Bars of sixteenths."""

    step: float
    """Seconds of a sixteenth."""
    steps: int
    """Sixteenths of a bar."""
    swing: float
    """Seconds by which every second sixteenth is late."""
    loose: float
    """Standard deviation of every stroke, s."""

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Measure":
        """A metre of 65 to 180 beats a minute, most often of four."""
        step = 15 / float(rng.uniform(65, 180))
        swing, loose = float(rng.choice([0, 0, 0, 1 / 3, 2 / 3])), float(rng.choice([0, 0, 1 / 30, 1 / 15]))
        return cls(step, 4 * int(rng.choice([4, 4, 4, 4, 3, 6])), swing * step, loose * step)

    @property
    def bar(self) -> float:
        """Seconds of a bar."""
        return self.step * self.steps

    def time(self, rng: np.random.Generator, bar: int, step: int) -> float:
        """Second at which a stroke of a bar's sixteenth is played."""
        late = self.swing if step % 2 else 0.0
        return max(0.0, bar * self.bar + step * self.step + late + float(rng.normal(0, self.loose)))
