"""An upscaler on a device, and the final size: what comes between a network's pictures and the encoder."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from akma_core import registry
from akma_core.errors import RequestError
from akma_core.media.resize import fill
from akma_core.networks.realesrgan.catalog import SUFFIXES, cards
from akma_core.networks.realesrgan.load import load_upscaler
from akma_core.networks.realesrgan.upscaler import Upscaler
from akma_core.render.plan import RenderPlan, UpscalePart
from akma_core.settings import RenderSettings
from akma_core.storage import default_url, open_storage


def find_upscaler(settings: RenderSettings, device: torch.device) -> Upscaler | None:
    """The upscaler that the settings name; None for "none". RequestError where it is not."""
    return None if settings.upscale == "none" else open_upscaler(settings.upscale, device)


def open_upscaler(wish: str, device: torch.device) -> Upscaler:
    """A built-in or imported upscaler by name (or tag, or digest), or a file; half precision on a GPU. RequestError."""
    what: str | Path = wish
    if wish not in cards() and not wish.lower().endswith(SUFFIXES):
        storage = open_storage(default_url())
        what = registry.upscaler_folder(storage, registry.UPSCALERS.find(storage, wish))
    return load_upscaler(what, device, torch.float16 if device.type == "cuda" else torch.float32)


def upscale_part(upscaler: Upscaler | None) -> UpscalePart | None:
    """Make the plan's record of an upscaler."""
    return UpscalePart(name=upscaler.name, digest=upscaler.digest, scale=upscaler.scale) if upscaler else None


def finish(plan: RenderPlan, upscaler: Upscaler | None) -> Callable[[Tensor], Tensor] | None:
    """uint8 [n, H, W, 3] of the network -> uint8 [n, plan.height, plan.width, 3]; None where there is nothing to do."""
    part = upscale_part(upscaler)
    if (part and part.digest) != (plan.upscale and plan.upscale.digest):  # its name is a matter of taste
        raise RequestError("the upscaler is not the plan's: give the same one", code="other_network", field="upscale")
    if upscaler is None and (plan.network.width, plan.network.height) == (plan.width, plan.height):
        return None

    def run(rgb: Tensor) -> Tensor:
        return fill(upscaler(rgb) if upscaler else rgb, plan.height, plan.width)

    return run
