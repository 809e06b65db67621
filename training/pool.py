"""Pictures at hand on the device, from which batches are drawn; new ones take the place of the oldest."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class PicturePool:
    """At most `capacity` pictures of size x size, with the z that drew each where `z_dim` is not 0.

    `mirrored`: half of the pictures drawn are, from side to side; `mirror`: signs of the numbers of a z when its
    picture is, [z_dim]; of no use without a z_dim.
    """

    def __init__(
        self,
        capacity: int,
        size: int,
        device: torch.device,
        z_dim: int = 0,
        mirror: Tensor | None = None,
        mirrored: bool = True,
    ) -> None:
        self.pictures = torch.empty(capacity, 3, size, size, dtype=torch.uint8, device=device)
        self.latents = torch.zeros(capacity, z_dim, device=device)
        self.added = 0
        self._mirrored = mirrored
        self._mirror = torch.ones(z_dim, device=device) if mirror is None else mirror.to(device)

    def __len__(self) -> int:
        return min(self.added, len(self.pictures))

    def add(self, pictures: NDArray[np.uint8], latents: Tensor) -> None:
        """pictures [n, size, size, 3], latents [n, z_dim]."""
        at = torch.arange(self.added, self.added + len(pictures), device=self.pictures.device) % len(self.pictures)
        self.pictures[at] = torch.from_numpy(pictures).to(self.pictures.device).permute(0, 3, 1, 2)
        self.latents[at] = latents.to(self.latents.device)
        self.added += len(pictures)

    def sample(self, count: int) -> tuple[Tensor, Tensor]:
        """float32 [count, 3, size, size], -1..1, and z [count, z_dim], drawn anew each time."""
        device = self.pictures.device
        at = torch.randint(len(self), [count], device=device)
        pictures, latents = nominal(self.pictures[at]), self.latents[at]
        if not self._mirrored:
            return pictures, latents
        mirrored = torch.rand(count, device=device) < 0.5
        pictures = torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)
        return pictures, torch.where(mirrored[:, None], latents * self._mirror, latents)


def nominal(pictures: Tensor) -> Tensor:
    """uint8 -> float32, -1..1."""
    return pictures.float() / 127.5 - 1
