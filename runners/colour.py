"""Exposure, contrast and saturation of pictures that a network gives, before they become 8 bit."""

import torch
from torch import Tensor

LUMA = (0.2126, 0.7152, 0.0722)  # of linear sRGB, ITU-R BT.709


def graded(img: Tensor, factors: Tensor) -> Tensor:
    """[B, 3, H, W] nominal -1..1 with `factors` [B, 3] of exposure, contrast and saturation, in this order.

    Exposure scales linear light (sRGB, IEC 61966-2-1), contrast the distance from middle grey, saturation that from the
    grey of the same luma. Factors of 1 leave a picture as it is but for rounding.
    """
    exposure, contrast, saturation = (factors[:, k, None, None, None] for k in range(3))
    x = ((img.float() + 1) / 2).clamp(0, 1)
    linear = torch.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4) * exposure
    x = torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)
    x = (x - 0.5) * contrast + 0.5
    grey = (x * torch.tensor(LUMA, device=x.device)[:, None, None]).sum(1, keepdim=True)
    return (grey + (x - grey) * saturation) * 2 - 1
