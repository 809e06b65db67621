"""The mapping network: a latent vector z, and a class, become w."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akma_core.networks.fully_connected import FullyConnected

from .config import GeneratorConfig


class MappingNetwork(nn.Module):
    """z (and class vector c) -> ws."""

    w_avg: Tensor

    def __init__(self, cfg: GeneratorConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.num_ws = cfg.num_ws
        if cfg.c_dim and cfg.embedding == "concat":
            self.embed: nn.Module = nn.Linear(cfg.c_dim, cfg.embedding_width, bias=False)
        elif cfg.c_dim:
            self.embed = FullyConnected(cfg.c_dim, cfg.embedding_width)
        for j, (inputs, outputs) in enumerate(cfg.mapping_widths):
            self.add_module(f"fc{j}", FullyConnected(inputs, outputs, cfg.lr_multiplier))
        if cfg.has_w_avg:
            self.register_buffer("w_avg", torch.zeros(cfg.w_dim))

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """[B, z_dim], [B, c_dim] -> [B, num_ws, w_dim], float32; the first `truncation_cutoff` rows are truncated.

        `c` may be any vector: one class, a mixture, zero. ValueError where it is missing, and for truncation without
        an average w.
        """
        x = self._join(z.to(torch.float32), c)
        for j in range(self.cfg.mapping_layers):
            x = F.leaky_relu(self.get_submodule(f"fc{j}")(x), 0.2) * math.sqrt(2)
        ws = x[:, None, :].repeat(1, self.num_ws, 1)
        if truncation_psi != 1:
            if not self.cfg.has_w_avg:
                raise ValueError("this network has no average w: it cannot truncate, use psi 1")
            ws[:, :truncation_cutoff] = self.w_avg.lerp(ws[:, :truncation_cutoff], truncation_psi)
        return ws

    def _join(self, z: Tensor, c: Tensor | None) -> Tensor:
        """z and the class as the first layer takes them."""
        if not self.cfg.c_dim:
            return normalized(z)
        if c is None:
            raise ValueError("a conditional network needs c, a class vector")
        y = self.embed(c.to(torch.float32))
        if self.cfg.embedding == "concat":
            return normalized(torch.cat([z, y], dim=1))
        return torch.cat([normalized(z), normalized(y)], dim=1)


def normalized(x: Tensor) -> Tensor:
    """Each row divided by its root mean square."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()
