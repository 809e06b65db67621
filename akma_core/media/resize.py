"""Pictures of another size."""

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def resize(rgb: Tensor, height: int, width: int) -> Tensor:
    """uint8 [n, h, w, 3] -> uint8 [n, height, width, 3]: bicubic, antialiased where it becomes smaller."""
    if rgb.shape[1:3] == (height, width):
        return rgb
    out = torch.empty((len(rgb), height, width, 3), dtype=torch.uint8, device=rgb.device)
    for picture, into in zip(rgb, out, strict=True):  # one by one: as floats they are large
        planes = picture.permute(2, 0, 1)[None].float()
        planes = interpolate(planes, (height, width), mode="bicubic", antialias=True)
        into.copy_(planes[0].round_().clamp_(0, 255).permute(1, 2, 0))
    return out


def fill(rgb: Tensor, height: int, width: int) -> Tensor:
    """uint8 [n, h, w, 3] -> uint8 [n, height, width, 3], shape kept: what stands over is cut, evenly on both sides.

    A picture that is one pixel too large, an odd one, is cut and not resampled.
    """
    h, w = rgb.shape[1:3]
    if 0 <= h - height <= 1 and 0 <= w - width <= 1:
        return rgb[:, :height, :width]
    scale = max(height / h, width / w)
    rgb = resize(rgb, max(height, round(h * scale)), max(width, round(w * scale)))
    top, left = (rgb.shape[1] - height) // 2, (rgb.shape[2] - width) // 2
    return rgb[:, top : top + height, left : left + width]
