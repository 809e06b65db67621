"""Weights to which a training goes back when it has diverged."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Snapshot:
    """The state of `modules` when last kept, on their device."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self._tensors = [tensor for module in modules for tensor in module.state_dict().values()]
        self._kept: list[Tensor] = []
        self.keep()

    @torch.no_grad()
    def keep(self) -> None:
        """Keep the state as it is."""
        self._kept = [tensor.clone() for tensor in self._tensors]

    @torch.no_grad()
    def restore(self) -> None:
        """Make the state what it was."""
        for tensor, kept in zip(self._tensors, self._kept, strict=True):
            tensor.copy_(kept)
