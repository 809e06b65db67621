"""Estimate of a render's time on this service: measured by a worker, then seen in clips; the rest is counted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from akma_core.api.cache import SingleFlightCache, one
from akma_core.api.state import State
from akma_core.errors import FailureError
from akma_core.networks import kinds
from akma_core.networks.canvas import canvas_of
from akma_core.networks.card import NetworkCard
from akma_core.render.plan import UpscalePart
from akma_core.render.planner import sized, video_size
from akma_core.settings import RenderSettings

MEASURE_SECONDS = 120.0
CACHE = 1 << 20  # bytes


@dataclass(frozen=True)
class Speed:
    """Speed of this service for one network and one size."""

    picture: float
    """Seconds of one device for a picture of the network."""
    finished: float
    """The same with its upscaler."""
    devices: int
    device: str


@dataclass(frozen=True)
class Look:
    """Facts of the pictures that the settings ask for."""

    card: NetworkCard
    upscale: UpscalePart | None
    width: int
    """Of the video, pixels."""
    height: int
    any_size: bool
    """The network computes pictures of any size by itself."""


async def look_of(state: State, settings: RenderSettings) -> Look:
    """RequestError where the settings name no network, or a size that cannot be."""
    card, upscale = await run_in_threadpool(state.submission.networks, settings)
    part = UpscalePart.model_validate(upscale) if upscale else None
    any_size = bool(kinds.of(card).ANY_SIZE) and part is None and settings.shape is None
    card = sized(card, settings, part, None if settings.shape is None else canvas_of(settings.shape, card))
    (width, height), _ = video_size(settings, card, part)
    return Look(card, part, width, height, any_size)


async def speed_of(request: Request, state: State, settings: RenderSettings, look: Look) -> Speed:
    """Measured by a worker the first time; FailureError, code no_worker, where there is none."""
    plain = {"model": settings.model, "class": settings.class_index, "upscale": settings.upscale}
    workers = await run_in_threadpool(state.database.workers)
    if not workers:
        raise FailureError("no worker is there to say how fast it is: start one", code="no_worker")

    async def measure() -> bytes:
        return json.dumps(await state.ask("measure", {"settings": plain}, MEASURE_SECONDS)).encode()

    told = json.loads(await _known(request).get(_key(settings, look, workers), measure))
    pixels = look.card.width * look.card.height
    picture = told["picture"] * await _share(state, settings, pixels)
    return Speed(picture, picture + told["pixel"] * pixels, len(workers), told["device"])


async def learn(request: Request, state: State, settings: RenderSettings, look: Look, pixels: int, took: float) -> None:
    """Take for the speed of the network what a picture of so many pixels has just taken, seconds.

    A first measurement holds for the moment that it was made in; a machine that has more to do since then is slower.
    """
    key = _key(settings, look, await run_in_threadpool(state.database.workers))

    if known := _known(request).peek(key):  # otherwise nobody has asked how long it takes
        told = json.loads(known)
        told["picture"] = took / await _share(state, settings, pixels)
        _known(request).put(key, json.dumps(told).encode())


def _known(request: Request) -> SingleFlightCache:
    return one(request, "speeds", lambda: SingleFlightCache(CACHE))


def _key(settings: RenderSettings, look: Look, workers: Sequence[Mapping[str, Any]]) -> str:
    names = sorted({row["device"] for row in workers})
    return f"{settings.model} {look.card.digest} {look.upscale.digest if look.upscale else ''} {names}"


async def _share(state: State, settings: RenderSettings, pixels: int) -> float:
    """So many pixels as a share of the network's own."""
    card, _ = await run_in_threadpool(state.submission.networks, settings)
    return pixels / (card.width * card.height)


def fitted(width: int, height: int, box: tuple[int, int]) -> tuple[int, int]:
    """The largest even size of that shape within `box`; 16 pixels at least, never larger than it is."""
    scale = min(1.0, box[0] / width, box[1] / height)
    even = [max(16, 2 * round(side * scale / 2)) for side in (width, height)]
    return even[0], even[1]
