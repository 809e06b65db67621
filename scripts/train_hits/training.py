"""The training itself."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akma_core.audio.features.drums import CLASSES

from .batches import SIZE, Batches
from .clip import Clip
from .network import AROUND, HitNetwork, inputs

LEAST_RATE = 1e-5  # of learning
WARM_UP = 0.1  # share of the steps
WEIGHTS = dict(zip(CLASSES, (1.0, 1.0, 0.5, 0.7, 0.5, 0.5, 1.2), strict=True))
"""Weight of each class in the loss."""
SMOOTHED = 0.99


def learning_rate(step: int, steps: int, highest: float) -> float:
    """Rate of a step: a straight rise to the highest, then half a cosine down."""
    share = step / max(1, steps)
    if share < WARM_UP:
        return max(LEAST_RATE, highest * share / WARM_UP)
    return max(LEAST_RATE, highest * (0.5 + 0.5 * math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP))))


def train(
    network: HitNetwork,
    clips: Sequence[Clip],
    steps: int,
    seed: int,
    told: Callable[[int, float], None],
    size: int = SIZE,
) -> None:
    """Train for `steps` batches of `size` excerpts; `told` hears each step's number, from 1, and the loss, smoothed."""
    ear = network.ear
    batches = Batches(clips, np.random.default_rng(seed), ear.shift)
    weight = torch.tensor([WEIGHTS[name] for name in ear.classes])[None, :, None]
    positive = torch.full((len(ear.classes), 1), ear.positive)
    heard = [CLASSES.index(name) for name in ear.classes]
    optimiser, mean = torch.optim.Adam(network.parameters()), 0.0
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, ear.rate)
        bands, labels = batches.draw(size)
        logits, wanted = network(inputs(bands, ear.gain)), _widened(labels[:, heard], ear.around)
        each = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none", pos_weight=positive)
        loss = (each * weight).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        mean = SMOOTHED * mean + (1 - SMOOTHED) * loss.item()
        told(step, mean / (1 - SMOOTHED**step))


def _widened(labels: Tensor, around: float) -> Tensor:
    """Labels [batch, classes, frames], at least `around` within AROUND frames of a stroke."""
    if not around:
        return labels
    return torch.maximum(labels, around * F.max_pool1d((labels == 1).float(), 2 * AROUND + 1, 1, AROUND))
