"""A generator whose weights are the moving average of another's (Karras et al. 2018)."""

import copy

import torch

from akma_core.networks.stylegan3.generator import Generator


class AveragedGenerator:
    """`average` follows the weights of `generator`; its buffers, averages themselves, are the same."""

    def __init__(self, generator: Generator) -> None:
        self.average = copy.deepcopy(generator).requires_grad_(False)
        self._weights: list[torch.Tensor] = list(self.average.parameters())
        self._sources = [weight.detach() for weight in generator.parameters()]
        # Of the buffers only those that are saved: the rest is folded from weights, and may share their memory.
        weights = dict(generator.named_parameters())
        saved, copied = generator.state_dict(keep_vars=True), self.average.state_dict(keep_vars=True)
        self._buffers = [(copied[name], saved[name]) for name in saved if name not in weights]

    @torch.no_grad()
    def update(self, kept: float) -> None:
        """Keep the share `kept` of the average."""
        torch._foreach_lerp_(self._weights, self._sources, 1 - kept)
        for buffer, source in self._buffers:
            buffer.copy_(source)

    def finite(self) -> bool:
        """True if every weight and every buffer is a number."""
        return all(bool(torch.isfinite(value).all()) for value in self.average.state_dict().values())
