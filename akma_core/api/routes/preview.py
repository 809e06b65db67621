"""Looking before rendering: the curve of a song, and a few stills."""

import asyncio
import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from akma_core.api.auth import Caller
from akma_core.api.dependencies import CallerDep, StateDep
from akma_core.api.multipart import FormParser, Limits
from akma_core.api.openapi import AUDIO, SETTINGS, SONG, form, settings_fields
from akma_core.api.responses import preferred_type
from akma_core.api.song_input import is_json, song_input
from akma_core.api.state import State
from akma_core.api.upload import Received, fields_of
from akma_core.errors import RequestError
from akma_core.jobs.submission import new_id, parse
from akma_core.settings import CURVE_SETTINGS, ROW_SETTINGS, RenderSettings, parse_seeds

PNG, JSON = "image/png", "application/json"
STILLS = 9  # of a preview, at most
DEFAULT_STILLS = 4
PREVIEW_SECONDS = 120.0
SMALL = 64 << 10  # bytes of a form that may have no song
MAX_STILLS_BYTES = 64 << 20  # of one answer

WAVEFORM = (*CURVE_SETTINGS, *ROW_SETTINGS)

router = APIRouter(prefix="/v1", tags=["preview"])


@router.post(
    "/waveform",
    response_class=Response,
    responses={200: {"content": {JSON: {"schema": {"type": "object"}}, PNG: {"schema": {"type": "string"}}}}},
    openapi_extra=form({"audio": AUDIO, "song": SONG, **settings_fields(WAVEFORM), "settings": SETTINGS}),
)
async def compute_waveform(request: Request, state: StateDep, caller: CallerDep) -> Response:
    """The curve that will move the picture, one value a frame, as the JSON that `akma waveform` writes, or a
    picture with `Accept: image/png`. With a preset or rows every curve that they use, hits, beats and sections too.

    ```
    curl -F audio=@song.wav -F fps=30 -H 'Accept: image/png' -o curve.png http://127.0.0.1:3000/v1/waveform
    ```
    """
    kind = preferred_type(request, JSON, PNG)
    async with song_input(request, state, caller) as (song, fields):
        if unknown := next((name for name in fields if name not in WAVEFORM), None):
            raise RequestError(f"unknown setting {unknown[:60]!r}", code="unknown_setting", field=unknown[:60])
        settings = RenderSettings.parse(fields)
        limits = state.submission.limits
        data = await state.probe.waveform(song.path, song.name, settings, limits, caller.name, png=kind == PNG)
    return Response(data, media_type=kind)


@router.post(
    "/preview",
    response_class=Response,
    responses={200: {"content": {PNG: {"schema": {"type": "string"}}, JSON: {"schema": {"type": "object"}}}}},
    openapi_extra=form(
        {
            "audio": AUDIO,
            "song": SONG,
            **settings_fields(),
            "settings": SETTINGS,
            "times": {"type": "string", "description": "seconds of the song: 1.5,10,30, up to 9", "maxLength": 200},
            "seeds": {"type": "string", "description": "without a song: 0-8, up to 9", "maxLength": 200},
        }
    ),
)
async def render_preview(request: Request, state: StateDep, caller: CallerDep) -> Response:
    """A few stills of the video, by default four spread over it; or, without a song, what the network makes of seeds.
    One contact sheet, or with `Accept: application/json` {"stills": [{"time", "frame", "seed", "png"}]} in base64.

    ```
    curl -F audio=@song.wav -F times=1.5,10,30 -o sheet.png http://127.0.0.1:3000/v1/preview
    curl -F seeds=0-8 -o seeds.png http://127.0.0.1:3000/v1/preview
    ```
    """
    kind = preferred_type(request, PNG, JSON)
    if state.previews.locked():
        raise RequestError("too many previews are being made: try again later", code="too_many")
    async with state.previews:
        preview_id = new_id()
        try:
            task = await _task(request, state, preview_id, caller)
            answer = await state.ask("preview", {"id": preview_id, **task}, PREVIEW_SECONDS)
            return await run_in_threadpool(_pictures, state, answer, kind)
        finally:
            await run_in_threadpool(state.storage.delete_prefix, f"previews/{preview_id}/")


async def _task(request: Request, state: State, preview_id: str, caller: Caller) -> dict[str, Any]:
    """The task's request; a song lies in storage then."""
    songless = await _songless(request, state)
    if songless is not None:
        fields = fields_of(songless)
        with _field("seeds"):
            seeds = parse_seeds(fields.pop("seeds"))
            if len(seeds) > STILLS:
                raise RequestError(f"seeds should be at most {STILLS}, not {len(seeds)}", code="bad_setting")
        settings = parse(fields)
        await run_in_threadpool(state.submission.networks, settings)
        return {"audio": None, "settings": _plain(settings), "times": [], "seeds": seeds}
    async with song_input(request, state, caller) as (song, fields):
        times = fields.pop("times", None)
        settings = parse(fields)
        facts = await state.submission.inspect(song, settings, caller.name)
        begin, seconds = settings.start, min(facts.seconds, facts.duration - settings.start)
        if times is None:
            moments = [begin + seconds * (2 * k + 1) / (2 * DEFAULT_STILLS) for k in range(DEFAULT_STILLS)]
        else:
            moments = _times(times, begin, begin + seconds)
        key = song.key or f"previews/{preview_id}/audio{song.path.suffix}"
        if song.key is None:
            await run_in_threadpool(state.storage.put_file, key, song.path)
    return {"audio": key, "settings": _plain(settings), "times": moments, "seeds": []}


async def _songless(request: Request, state: State) -> Received | None:
    """The form if it has seeds and no song; what was read of the request stays with it."""
    length = request.headers.get("content-length", "")
    if is_json(request) or not re.fullmatch("[0-9]{1,6}", length) or int(length) > SMALL:
        return None
    found = FormParser(request.headers, "audio", _limits(state))
    try:
        async with asyncio.timeout(_limits(state).idle_seconds):
            found.feed(await request.body())
    except TimeoutError:
        raise RequestError("the form does not come: send it again without pauses", code="upload_stalled") from None
    if found.file_name is not None or "seeds" not in found.fields or "song" in found.fields:
        return None
    return Received(Path(), "", 0, "", found.fields)  # there is no file, and nobody closes it


def _pictures(state: State, answer: dict[str, Any], kind: str) -> Response:
    if kind == PNG:
        return Response(state.storage.get_bytes(answer["sheet"], MAX_STILLS_BYTES), media_type=PNG)
    stills, left = [], MAX_STILLS_BYTES
    for still in answer["stills"]:
        data = state.storage.get_bytes(still["key"], left)
        left -= len(data)
        told = {name: still.get(name) for name in ("time", "frame", "seed")}
        stills.append({**told, "png": base64.b64encode(data).decode()})
    return JSONResponse({"stills": stills})


def _times(wish: Any, begin: float, end: float) -> list[float]:
    """ "1.5,10,30" as seconds; RequestError unless they are in the part of the song that is shown."""
    parts = [part for part in re.split(r"[,\s]+", wish) if part] if isinstance(wish, str) else []
    with _field("times"):
        if not 1 <= len(parts) <= STILLS or not all(re.fullmatch(r"\d{1,9}(\.\d{1,9})?", part) for part in parts):
            raise RequestError(f"times should be 1 to {STILLS} seconds such as 1.5,10,30", code="bad_setting")
        moments = [float(part) for part in parts]
        if wrong := [moment for moment in moments if not begin <= moment < end]:
            message = f"times should be from {begin:g} to {end:g}, which is what the video shows, not {wrong[0]:g}"
            raise RequestError(message, code="bad_setting")
    return moments


@contextmanager
def _field(name: str) -> Iterator[None]:
    """Errors name that field."""
    try:
        yield
    except RequestError as error:
        error.field = name
        raise


def _plain(settings: RenderSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", by_alias=True)


def _limits(state: State) -> Limits:
    return Limits.of(state.environment)
