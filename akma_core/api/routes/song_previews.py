"""Stills and clips of a song that is kept: the frames of the final render, before it."""

import base64
import re
from fractions import Fraction
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from akma_core.api.auth import Caller
from akma_core.api.dependencies import CallerDep, SongId, StateDep
from akma_core.api.json_body import body, read_object, settings_in, settings_schema, take
from akma_core.api.song_input import STEMS_SCHEMA, stems_of
from akma_core.api.speed import Look, fitted, learn, look_of, speed_of
from akma_core.api.state import State
from akma_core.database import Song
from akma_core.errors import RequestError
from akma_core.jobs.submission import new_id, parse
from akma_core.settings import RenderSettings
from akma_core.timeline import crop, every_kth, frame_count

STILLS = 9  # at a time
CLIP_SECONDS = 8.0
STILLS_WAIT, CLIP_WAIT = 60.0, 180.0  # seconds
CPU_FPS = 12  # of a clip where no GPU is there, unless it is said
LEARNT_FROM = 8  # frames of a clip; in a shorter one its song and its network's start weigh too much
MAX_SIDE = 512  # pixels of a clip
MAX_BYTES = 64 << 20
SIZE = re.compile(r"[1-9][0-9]{1,3}x[1-9][0-9]{1,3}", re.ASCII)

router = APIRouter(prefix="/v1/songs", tags=["songs"])


@router.post(
    "/{song_id}/stills",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
    openapi_extra=body(
        {
            "settings": settings_schema(),
            "stems": STEMS_SCHEMA,
            "times": {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 1, "maxItems": STILLS},
            "size": {"type": "integer", "minimum": 16, "maximum": 1024, "default": 256},
        }
    ),
)
async def render_stills(request: Request, song_id: SongId, state: StateDep, caller: CallerDep) -> Response:
    """Frames of the video at some seconds of the song, before the upscaler: {"stills": [{"time", "frame", "png"}]}.

    `size`: pixels of the longest side. The pictures are PNG in base64.
    """
    fields = await read_object(request)
    take(fields, {"settings", "stems", "times", "size"})
    stems = await stems_of(state, caller, fields.get("stems"))
    settings = parse(settings_in(fields), stems)
    side = _number(fields.get("size", 256), "size", 16, 1024)
    song = await state.songs.find(caller, song_id)
    times = fields.get("times")
    if not isinstance(times, list) or not 1 <= len(times) <= STILLS:
        raise RequestError(
            f"times should be 1 to {STILLS} seconds such as [1.5, 10]", code="bad_setting", field="times"
        )
    moments = [_number(each, "times", 0, song.duration) for each in times]
    look = await look_of(state, settings)
    size = fitted(look.width, look.height, (round(side), round(side)))
    task = {"times": moments}
    made = _Preview(request, state, "stills", STILLS_WAIT, song, settings, stems, look, size, caller, task)
    async with made as answer:
        found = []
        for still in answer["stills"]:
            data = await run_in_threadpool(state.storage.get_bytes, still["key"], MAX_BYTES)
            found.append({"time": still["time"], "frame": still["frame"], "png": base64.b64encode(data).decode()})
    return JSONResponse({"stills": found}, headers={"Cache-Control": "no-store"})


@router.post(
    "/{song_id}/clip",
    response_class=Response,
    responses={200: {"content": {"video/mp4": {}, "application/json": {"schema": {"type": "object"}}}}},
    openapi_extra=body(
        {
            "settings": settings_schema(),
            "stems": STEMS_SCHEMA,
            "start": {"type": "number", "minimum": 0, "default": 0},
            "duration": {"type": "number", "exclusiveMinimum": 0, "maximum": CLIP_SECONDS, "default": 4},
            "fps": {"type": "number", "minimum": 1, "maximum": 60},
            "size": {"type": "string", "pattern": "^[1-9][0-9]{1,3}x[1-9][0-9]{1,3}$", "default": "256x256"},
            "estimate": {"type": "boolean", "default": False},
        }
    ),
)
async def render_clip(request: Request, song_id: SongId, state: StateDep, caller: CallerDep) -> Response:
    """A few seconds of the video with their sound, small: every k-th of the very frames of the render.

    `size` is a box that the video's shape is fitted into; `fps` comes as near as every k-th frame gets. With
    `estimate` only {"seconds", "frames", "device", "waiting"}: what it will take, and how many seconds of renders'
    video the same devices are to make meanwhile. The answer's header AKMA-Render-Seconds says what it took.
    """
    fields = await read_object(request)
    take(fields, {"settings", "stems", "start", "duration", "fps", "size", "estimate"})
    stems = await stems_of(state, caller, fields.get("stems"))
    settings, song = parse(settings_in(fields), stems), await state.songs.find(caller, song_id)
    start = _number(fields.get("start", 0), "start", 0, song.duration)
    duration = _number(fields.get("duration", 4), "duration", 0.1, CLIP_SECONDS)
    look = await look_of(state, settings)
    size = fitted(look.width, look.height, _box(fields.get("size", "256x256")))
    wish = fields.get("fps")
    if wish is None:
        workers = await run_in_threadpool(state.database.workers)
        slow = all(row["profile"] == "cpu" for row in workers)
        wish = CPU_FPS if slow else min(float(settings.fps), 60)
    fps = Fraction(_number(wish, "fps", 1, 60)).limit_denominator(1000)
    if fields.get("estimate") is True:
        return JSONResponse(await _estimate(request, state, settings, look, song, size, start, duration, fps))
    task = {"start": start, "duration": duration, "fps": str(fps)}
    made = _Preview(request, state, "clip", CLIP_WAIT, song, settings, stems, look, size, caller, task)
    async with made as answer:
        data = await run_in_threadpool(state.storage.get_bytes, answer["key"], MAX_BYTES)
    if answer["frames"] >= LEARNT_FROM:
        pixels = size[0] * size[1] if look.any_size else look.card.width * look.card.height
        await learn(request, state, settings, look, pixels, answer["seconds"] / answer["frames"])
    headers = {
        "Cache-Control": "no-store",
        "AKMA-Render-Seconds": f"{answer['seconds']:.3f}",
        "AKMA-Frames": str(answer["frames"]),
        "AKMA-First-Frame": str(answer["first_frame"]),
        "AKMA-Step": str(answer["step"]),
        "AKMA-Fps": answer["fps"],
    }
    return Response(data, media_type="video/mp4", headers=headers)


async def _estimate(
    request: Request,
    state: State,
    settings: RenderSettings,
    look: Look,
    song: Song,
    size: tuple[int, int],
    start: float,
    duration: float,
    fps: Fraction,
) -> dict[str, Any]:
    speed = await speed_of(request, state, settings, look)
    # A network of any size computes no more than the clip shows.
    share = size[0] * size[1] / (look.card.width * look.card.height) if look.any_size else 1.0
    total = frame_count(round(song.duration * song.sample_rate), song.sample_rate, settings.fps)
    first, count = crop(settings.start, settings.duration, settings.fps, total, song.duration)
    frames = len(every_kth(range(first, first + count), settings.fps, start, duration, fps))
    waiting, _ = await run_in_threadpool(state.database.backlog)
    seconds = round(frames * share * speed.picture, 3)
    return {"seconds": seconds, "frames": frames, "device": speed.device, "waiting": round(waiting, 1)}


class _Preview:
    """Have a worker make something of a song; what it put into storage goes when the block ends."""

    def __init__(
        self,
        request: Request,
        state: State,
        kind: str,
        wait: float,
        song: Song,
        settings: RenderSettings,
        stems: dict[str, Song],
        look: Look,
        size: tuple[int, int],
        caller: Caller,
        task: dict[str, Any],
    ) -> None:
        self._request, self._state, self._kind, self._wait = request, state, kind, wait
        self._song, self._settings, self._stems = song, settings, stems
        self._owner, self._id = caller.name, new_id()
        self._task = {
            **task,
            "id": self._id,
            "song": song.id,
            "audio": song.audio,
            "settings": settings.model_dump(mode="json", by_alias=True),
            "size": list(size),
            "any_size": look.any_size,
        }

    async def __aenter__(self) -> dict[str, Any]:
        state = self._state
        if state.previews.locked():
            raise RequestError("too many previews are being made: try again later", code="too_many")
        await state.previews.acquire()
        try:
            heard = await state.songs.heard(self._song, self._settings, self._owner, self._stems)
            features, loudness = heard.pop("mix")
            task = {**self._task, "features": features, "loudness": loudness, "stems": heard}
            return await state.ask(self._kind, task, self._wait, self._request.is_disconnected)
        except BaseException:
            await self.__aexit__()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._state.previews.release()
        await run_in_threadpool(self._state.storage.delete_prefix, f"previews/{self._id}/")


def _number(value: Any, name: str, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        message = f"{name} should be a number from {low:g} to {high:g}, not {str(value)[:40]!r}"
        raise RequestError(message, code="bad_setting", field=name)
    return float(value)


def _box(value: Any) -> tuple[int, int]:
    if not isinstance(value, str) or not SIZE.fullmatch(value):
        raise RequestError("size should be such as 256x256", code="bad_setting", field="size")
    width, height = map(int, value.split("x"))
    if not 16 <= min(width, height) <= max(width, height) <= MAX_SIDE:
        message = f"size of a clip should be 16x16 to {MAX_SIDE}x{MAX_SIDE}, not {value}"
        raise RequestError(message, code="bad_setting", field="size")
    return width, height
