"""Estimate what a render takes on this service."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from akma_core.api.dependencies import CallerDep, StateDep
from akma_core.api.json_body import body, read_object, settings_in, settings_schema, take
from akma_core.api.openapi import SONG
from akma_core.api.song_input import song_id_of
from akma_core.api.speed import look_of, speed_of
from akma_core.jobs.submission import parse
from akma_core.timeline import crop, frame_count

router = APIRouter(prefix="/v1/renders", tags=["renders"])


class EstimateResponse(BaseModel):
    """About how long a render takes where nothing else waits."""

    frames: int
    duration: float = Field(description="of the video, seconds")
    width: int = Field(description="of the video, pixels")
    height: int
    seconds: float = Field(description="of all devices together, the encoder beside them not counted")
    frames_per_second: float
    device: str
    devices: int = Field(description="that share the work")
    waiting: float = Field(description="seconds of others' video that are to be rendered before")


@router.post("/estimate", openapi_extra=body({"song": SONG, "settings": settings_schema()}))
async def estimate_render(request: Request, state: StateDep, caller: CallerDep) -> EstimateResponse:
    """About how long a render of a kept song would take; measured on a worker the first time that a network is asked
    for.
    """
    fields = await read_object(request)
    take(fields, {"song", "settings"})
    settings = parse(settings_in(fields))
    song = await state.songs.find(caller, song_id_of(fields.get("song")))
    total = frame_count(round(song.duration * song.sample_rate), song.sample_rate, settings.fps)
    _, frames = crop(settings.start, settings.duration, settings.fps, total, song.duration)
    look = await look_of(state, settings)
    speed = await speed_of(request, state, settings, look)
    seconds = frames * speed.finished / speed.devices
    return EstimateResponse(
        frames=frames,
        duration=float(frames / settings.fps),
        width=look.width,
        height=look.height,
        seconds=round(seconds, 1),
        frames_per_second=round(frames / max(seconds, 1e-9), 2),
        device=speed.device,
        devices=speed.devices,
        waiting=round(state.database.backlog()[0], 1),
    )
