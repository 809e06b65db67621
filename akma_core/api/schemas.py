"""Responses of the routes, as OpenAPI shows them."""

import json
from fractions import Fraction
from typing import Any, Literal

from pydantic import BaseModel, Field

from akma_core.api.prefix import prefix
from akma_core.api.state import State
from akma_core.database import Progress, Render
from akma_core.log import moment
from akma_core.networks.card import NetworkCard
from akma_core.networks.realesrgan.catalog import UpscalerCard
from akma_core.status import Status

LINKED = ("events", "video", "manifest", "waveform", "poster", "stream")  # what a browser opens by itself
PATHS = {"waveform": "waveform.png", "poster": "poster.jpg", "stream": "stream.m3u8"}


class RenderError(BaseModel):
    """Why it failed."""

    code: str = Field(examples=["audio_damaged"])
    message: str


class Video(BaseModel):
    """The finished video."""

    bytes: int
    sha256: str
    duration: float = Field(description="seconds")
    width: int = Field(description="pixels")
    height: int
    fps: str = Field(examples=["30", "30000/1001"])


class Links(BaseModel):
    """Paths on this server. Those that a browser opens by itself carry a token that expires."""

    self: str
    events: str
    video: str
    manifest: str
    waveform: str
    poster: str
    stream: str
    log: str


class RenderResponse(BaseModel):
    """A render and how far it is."""

    id: str = Field(description="32 hexadecimal digits, in the order of time")
    status: Status
    stage: str = Field(description="waiting, planning, rendering, joining or done")
    detail: str | None = Field(description="what it waits for: a device, while no worker is there; null otherwise")
    created: str = Field(description="ISO 8601, UTC, as all times", examples=["2025-03-01T12:00:00.000Z"])
    started: str | None
    finished: str | None
    name: str = Field(description="of the song, as the client called it")
    song: str | None = Field(description="id of the song where it was uploaded to /v1/songs")
    settings: dict[str, Any] = Field(description="all of them, with defaults")
    model: str
    frames_total: int
    frames_done: int
    frames_per_second: float | None = Field(description="of late; null while none are rendered")
    seconds_left: float | None = Field(description="at that speed; null while it is not known")
    queue_position: int | None = Field(description="renders before this one; null once it has begun")
    width: int | None = Field(description="of the video, pixels")
    height: int | None
    fps: str = Field(examples=["30", "30000/1001"])
    duration: float = Field(description="of the video, seconds")
    error: RenderError | None
    webhook: str | None = Field(description="pending, sent, or why not; null before, or without one")
    metadata: dict[str, Any] | None = Field(description="the caller's own words, as they were sent")
    video: Video | None = Field(description="null until it is done, and for renders of an AKMA of before")
    links: Links


class RenderPage(BaseModel):
    """Some renders, the newest first."""

    renders: list[RenderResponse]
    cursor: str | None = Field(description="give it back for the next page; null on the last one")


class ModelResponse(BaseModel):
    """A network that `model` takes."""

    name: str
    kind: str
    flavour: str = Field(description="variant of the kind: T or R")
    width: int = Field(description="of its pictures, pixels")
    height: int
    classes: int = Field(description="0 for an unconditional network")
    digest: str
    licence: str
    note: str
    built_in: bool
    seeds: str = Field(description="path of the picture of a seed, which stands for {seed}: it never changes")


class UpscalerResponse(BaseModel):
    """A network that `upscale` takes."""

    name: str
    kind: str
    scale: int = Field(description="how many times larger pictures become")
    digest: str
    licence: str
    note: str
    built_in: bool


class ModelList(BaseModel):
    """All that can be asked for by name."""

    models: list[ModelResponse]
    upscalers: list[UpscalerResponse]


class HealthResponse(BaseModel):
    """Health: are renders accepted and made?"""

    status: Literal["ready", "unready"]
    workers: int = Field(description="heard of in the last 10 seconds")
    reason: str | None = None


def render_response(state: State, render: Render, progress: Progress) -> RenderResponse:
    """Make the response about a render."""
    done = render.frames if render.status == "done" else min(progress.frames_done, render.frames)
    running = render.status == "running"
    speed = round(progress.rate, 3) if running and progress.rate > 0 else None
    settings = json.loads(render.settings)
    return RenderResponse(
        id=render.id,
        status=render.status,
        stage=render.stage,
        detail="waiting for a device" if not (render.is_over or progress.has_device) else None,
        created=moment(render.created),
        started=moment_or_none(render.started),
        finished=moment_or_none(render.finished),
        name=render.name,
        song=render.song,
        settings=settings,
        model=settings["model"],
        frames_total=render.frames,
        frames_done=done,
        frames_per_second=speed,
        seconds_left=round((render.frames - done) / speed, 1) if speed else None,
        queue_position=progress.position if render.status == "queued" else None,
        width=render.width,
        height=render.height,
        fps=render.fps,
        duration=round(float(render.frames / Fraction(render.fps)), 6),
        error=RenderError(code=render.error_code, message=render.error_message or "") if render.error_code else None,
        webhook=render.webhook,
        metadata=json.loads(render.metadata) if render.metadata else None,
        video=_video(render),
        links=_links(state, render.id),
    )


def _video(render: Render) -> Video | None:
    if not (render.video_sha256 and render.video_bytes and render.width and render.height):
        return None
    return Video(
        bytes=render.video_bytes,
        sha256=render.video_sha256,
        duration=round(float(render.frames / Fraction(render.fps)), 6),
        width=render.width,
        height=render.height,
        fps=render.fps,
    )


def model_response(card: NetworkCard, *, built_in: bool) -> ModelResponse:
    return ModelResponse(
        digest=card.digest,
        built_in=built_in,
        seeds=f"{prefix()}/v1/models/{card.name}/seeds/{{seed}}.jpg?v={card.digest[:16]}",
        **card.model_dump(include=set(ModelResponse.model_fields)),
    )


def upscaler_response(card: UpscalerCard, *, built_in: bool) -> UpscalerResponse:
    known = card.model_dump(include=set(UpscalerResponse.model_fields))
    return UpscalerResponse(kind=card.architecture, digest=card.digest, built_in=built_in, **known)


def _links(state: State, render_id: str) -> Links:
    path = f"{prefix()}/v1/renders/{render_id}"
    token = state.access.token(render_id, state.environment.link_seconds)
    opened = {name: f"{path}/{PATHS.get(name, name)}?token={token}" for name in LINKED}
    return Links(self=path, log=f"{path}/log", **opened)


def moment_or_none(seconds: float | None) -> str | None:
    """The same of what may not have been yet."""
    return None if seconds is None else moment(seconds)
