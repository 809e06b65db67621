"""An upscaler on a device, and the final size: what comes between a network's pictures and the encoder."""

from collections.abc import Callable

import torch
from torch import Tensor

from akma_core.errors import RequestError
from akma_core.networks.realesrgan.load import load_upscaler
from akma_core.networks.realesrgan.upscaler import Upscaler
from akma_core.plan import RenderPlan, UpscalePart
from akma_core.resize import fill
from akma_core.settings import RenderSettings


def find_upscaler(settings: RenderSettings, device: torch.device) -> Upscaler | None:
    """The upscaler that the settings name, half precision on a GPU; None for "none". RequestError where it is not."""
    if settings.upscale == "none":
        return None
    return load_upscaler(settings.upscale, device, torch.float16 if device.type == "cuda" else torch.float32)


def upscale_part(upscaler: Upscaler | None) -> UpscalePart | None:
    """What the plan records of it."""
    return UpscalePart(name=upscaler.name, digest=upscaler.digest, scale=upscaler.scale) if upscaler else None


def finish(plan: RenderPlan, upscaler: Upscaler | None) -> Callable[[Tensor], Tensor] | None:
    """uint8 [n, H, W, 3] of the network -> uint8 [n, plan.height, plan.width, 3]; None where there is nothing to do."""
    if upscale_part(upscaler) != plan.upscale:
        raise RequestError("the upscaler is not the plan's: give the same one", code="other_network", field="upscale")
    if upscaler is None and (plan.network.width, plan.network.height) == (plan.width, plan.height):
        return None

    def run(rgb: Tensor) -> Tensor:
        return fill(upscaler(rgb) if upscaler else rgb, plan.height, plan.width)

    return run
