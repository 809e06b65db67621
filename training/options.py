"""Options of a training."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a training; pictures are counted in those that the generator made."""

    out: Path
    minutes: float
    """Wall-clock minutes of all runs together, from a process' start to its end, the last checkpoint included."""
    device: str = "cpu"
    dtype: str | None = None
    """Numbers of the activations: bfloat16 or float32; None: bfloat16 on a GPU."""
    batch: int = 24
    seed: int = 0
    learning_rate: float = 0.003
    r1_gamma: float = 1.0
    r1_every: int = 16
    likeness_share: float = 0.2
    """Share of the time in which the likeness to what the same z drew is all that is trained; 0 without a z."""
    likeness_weight: float = 20.0
    """Weight of the likeness beside the discriminator, falling to a fifth."""
    augment_target: float | None = None
    """Mean sign of the discriminator's logits of real pictures that the augmentation keeps; None: no augmentation."""
    augment_pictures: int = 100_000
    """Pictures in which the augmentation can rise from none to all."""
    ema_pictures: float = 8000.0
    """Pictures after which half of the averaged weights is new; at most a twentieth of those so far."""
    magnitude_pictures: float = 4000.0
    """The same of the magnitudes of the layers' inputs."""
    decay_from: float = 0.7
    """Share of the time after which the learning rate falls to a tenth."""
    save_every: float = 60.0
    """Seconds between checkpoints."""
    log_every: float = 5.0
    channels: int = 32
    """Channels of the discriminator at full size."""
    channels_max: int = 256
