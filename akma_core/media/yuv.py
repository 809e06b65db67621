"""RGB frames to the planes an H.264 encoder takes: BT.709, limited range, 4:2:0 with left-sited chroma.

Every value is integer arithmetic, so a frame's planes are the same on any device and in any batch.
"""

import torch
from torch import Tensor

# ITU-R BT.709-6, items 3.2 to 3.4: Y' = KR R' + KG G' + KB B', CB = (B' - Y') / 1.8556,
# CR = (R' - Y') / 1.5748; as 8 bits 219 Y' + 16 and 224 C + 128.
KR, KG, KB = 0.2126, 0.7152, 0.0722

LUMA_BITS = 23  # 219 / 255 * 255 * 2^23 + 16 * 2^23 < 2^31
CHROMA_BITS = 20  # sums of 8 samples: (112 + 128) * 8 * 2^20 < 2^31


def _fixed(weights: tuple[float, float, float], bits: int) -> tuple[int, int, int]:
    """Weights in units of 2^-bits; green takes the rounding, so that greys are exact."""
    red, blue = round(weights[0] * 2**bits), round(weights[2] * 2**bits)
    return red, round(sum(weights) * 2**bits) - red - blue, blue


LUMA = _fixed((219 / 255 * KR, 219 / 255 * KG, 219 / 255 * KB), LUMA_BITS)
BLUE = _fixed(tuple(224 / 255 / 1.8556 * k for k in (-KR, -KG, 1 - KB)), CHROMA_BITS)  # type: ignore[arg-type]
RED = _fixed(tuple(224 / 255 / 1.5748 * k for k in (1 - KR, -KG, -KB)), CHROMA_BITS)  # type: ignore[arg-type]


def rgb_to_yuv420(rgb: Tensor) -> Tensor:
    """Planes of 8-bit RGB frames, as `av.VideoFrame.from_ndarray(planes[i], format="yuv420p")` wants them.

    rgb: uint8 [n, h, w, 3], full range, h and w even, on any device.
    Returns uint8 [n, h * 3 // 2, w] on that device: Y in 16..235, then U, then V in 16..240, each rounded to
    the nearest. Chroma sits on the even columns, between two rows (H.264's default, sample location type 0):
    it is [1, 2, 1] / 4 across, with the left edge repeated, and the mean of two rows down.
    Raises ValueError on another shape, dtype or an odd size.
    """
    if rgb.dtype != torch.uint8 or rgb.ndim != 4 or rgb.shape[3] != 3:
        raise ValueError(f"expected uint8 [n, h, w, 3], got {rgb.dtype} {list(rgb.shape)}")
    n, height, width, _ = rgb.shape
    if height % 2 or width % 2:
        raise ValueError(f"4:2:0 needs an even size, got {width}x{height}")
    planes = torch.empty(n, height * 3 // 2, width, dtype=torch.uint8, device=rgb.device)
    # One frame's temporaries stay in a processor's cache; a GPU would rather have few launches.
    step = 1 if rgb.device.type == "cpu" else max(n, 1)
    for i in range(0, n, step):
        _convert(rgb[i : i + step], planes[i : i + step])
    return planes


def _convert(rgb: Tensor, out: Tensor) -> None:
    n, height, width, _ = rgb.shape
    channels = [rgb[..., i].to(torch.int32, memory_format=torch.contiguous_format) for i in range(3)]
    out[:, :height] = _weigh(channels, LUMA, 16, LUMA_BITS)
    chroma = out[:, height:].view(n, 2, height // 2, width // 2)
    sums = [_sum_of_eight(channel) for channel in channels]
    chroma[:, 0] = _weigh(sums, BLUE, 128, CHROMA_BITS + 3)
    chroma[:, 1] = _weigh(sums, RED, 128, CHROMA_BITS + 3)


def _weigh(channels: list[Tensor], weights: tuple[int, int, int], offset: int, bits: int) -> Tensor:
    total = (channels[0] * weights[0]).add_(channels[1], alpha=weights[1]).add_(channels[2], alpha=weights[2])
    return total.add_((offset << bits) + (1 << bits - 1)).bitwise_right_shift_(bits)


def _sum_of_eight(channel: Tensor) -> Tensor:
    """int32 [n, h, w] -> [n, h / 2, w / 2]: 8 times the chroma site's mean."""
    rows = channel[:, 0::2] + channel[:, 1::2]
    even, odd = rows[..., 0::2], rows[..., 1::2]
    total = torch.add(odd, even, alpha=2)
    total[..., 1:] += odd[..., :-1]
    total[..., 0] += even[..., 0]
    return total
