"""Pictures as networks give them, to bytes."""

import torch
from torch import Tensor


def to_uint8(img: Tensor) -> Tensor:
    """[B, 3, H, W] nominal -1..1 -> [B, H, W, 3] uint8, truncated as the published tools do."""
    return (img * 127.5 + 128).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
