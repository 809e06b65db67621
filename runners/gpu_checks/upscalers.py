"""The upscalers as the networks: half precision against float32, twice, in tiles, and on a CPU."""

from typing import Any

import torch

from akma_core.networks.realesrgan.catalog import cards, installed
from akma_core.networks.realesrgan.load import load_upscaler

from .bench import Bench
from .figure import Figure, Figures, differing, psnr

NAMES = ("realesr-animevideov3", "realesrgan-x4plus")
LIMIT = 45.0  # dB
SIDE, SMALL_SIDE = 256, 48
STEP = 1  # 8-bit, between tiles and a whole picture


def here() -> list[str]:
    """Those of NAMES whose weights are installed."""
    return [name for name in NAMES if name in cards() and installed(cards()[name])]


def check(bench: Bench) -> Figures:
    """Half precision against float32, the same picture twice, tiles against the whole, memory that is short."""
    for name in here()[:1] if bench.small else here():
        side = SMALL_SIDE if bench.small else SIDE
        made = torch.Generator().manual_seed(0)
        coarse = torch.rand(1, 3, max(2, side // 8), max(2, side // 8), generator=made)
        smooth = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic")
        rgb = (smooth.clamp(0, 1) * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().to(bench.device)
        torch.backends.cudnn.allow_tf32 = False
        exact = load_upscaler(name, bench.device, torch.float32)
        whole = exact(rgb)
        half = whole if bench.small else load_upscaler(name, bench.device, torch.float16)(rgb)
        yield Figure(f"{name} half precision", psnr(whole, half), "dB", at_least=LIMIT)
        yield Figure(f"{name} values other the second time", differing(whole, exact(rgb)), at_most=0)
        if not bench.small:
            yield Figure(
                f"{name} against the CPU", psnr(whole.cpu(), load_upscaler(name)(rgb.cpu())), "dB", at_least=60
            )
        if side > 2 * exact.network.overlap + exact.network.modulus:
            yield from _tiles(bench, name, exact, rgb, whole)


def _tiles(bench: Bench, name: str, exact: Any, rgb: torch.Tensor, whole: torch.Tensor) -> Figures:
    needed = rgb.shape[1] * rgb.shape[2] * exact.network.numbers_held * 4
    tiled = load_upscaler(name, bench.device, torch.float32, memory=needed * 9 // 10)(rgb)
    apart = (tiled.to(torch.int16) - whole.to(torch.int16)).abs().max()
    yield Figure(f"{name} tiles against the whole", float(apart), "of 255", at_most=STEP)
