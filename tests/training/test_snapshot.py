"""A training that has diverged goes on from its last numbers."""

import torch
from torch import nn

from training.snapshot import Snapshot


def test_restores_what_was_kept() -> None:
    layer = nn.BatchNorm2d(3)
    snapshot = Snapshot([layer])
    with torch.no_grad():
        layer.weight.fill_(5)
        layer.running_mean.fill_(2)  # type: ignore[union-attr]
    snapshot.keep()
    with torch.no_grad():
        layer.weight.fill_(torch.nan)
        layer.running_mean.fill_(torch.nan)  # type: ignore[union-attr]
    snapshot.restore()
    assert layer.weight.tolist() == [5, 5, 5]
    assert layer.running_mean.tolist() == [2, 2, 2]  # type: ignore[union-attr]
