"""Files of a render: the video, its manifest, the picture of its curve, its log."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from akma_core.api.cache import SingleFlightCache, one
from akma_core.api.dependencies import CallerDep, RenderId, StateDep
from akma_core.api.poster import poster_of
from akma_core.api.responses import KEEP, matches_tag, no_file, stored_file
from akma_core.api.watch import snapshot_of
from akma_core.database import Render
from akma_core.errors import RequestError
from akma_core.jobs.objects import DamagedError, RenderObjects
from akma_core.storage import MissingKeyError
from akma_core.storage.layout import chunk_name

PICTURES = 8 << 20  # bytes of waveforms and posters kept in memory
MAX_SEGMENT = 256 << 20  # bytes

router = APIRouter(prefix="/v1/renders", tags=["renders"])


@router.get(
    "/{render_id}/video",
    response_class=Response,
    responses={
        200: {"content": {"video/mp4": {}}},
        206: {"content": {"video/mp4": {}}, "description": "The Range that was asked for"},
        304: {"description": "What If-None-Match says"},
        307: {"description": "To the bucket, where it can sign links"},
        416: {"description": "There are no such bytes"},
    },
)
@router.head("/{render_id}/video", include_in_schema=False)
async def get_video(request: Request, render_id: RenderId, state: StateDep, caller: CallerDep) -> Response:
    """The video, once the render is done: whole, or the Range that is asked for.

    curl -OJ http://127.0.0.1:3000/v1/renders/ID/video
    """
    render = (await snapshot_of(state, caller, render_id)).render
    _check_done(render, "video")
    key = f"renders/{render.id}/video.mp4"
    if request.method == "GET":  # a signed link is for GET alone
        link = await run_in_threadpool(state.storage.signed_url, key, state.environment.link_seconds)
        if link:
            return RedirectResponse(link, 307, {"Cache-Control": "no-store"})
    return await stored_file(request, state.storage, render, key, "video/mp4")


@router.get(
    "/{render_id}/manifest",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
@router.head("/{render_id}/manifest", include_in_schema=False)
async def get_manifest(request: Request, render_id: RenderId, state: StateDep, caller: CallerDep) -> Response:
    """Get the manifest, once the render is done: `akma render --manifest` makes the video again from it."""
    render = (await snapshot_of(state, caller, render_id)).render
    _check_done(render, "manifest")
    return await stored_file(request, state.storage, render, f"renders/{render.id}/manifest.json", "application/json")


@router.get("/{render_id}/waveform.png", response_class=Response, responses={200: {"content": {"image/png": {}}}})
async def get_waveform(request: Request, render_id: RenderId, state: StateDep, caller: CallerDep) -> Response:
    """The curve that moves the picture, once the render is planned."""
    render = (await snapshot_of(state, caller, render_id)).render

    async def draw() -> bytes:
        with tempfile.TemporaryDirectory(prefix="akma-") as folder:
            curve, plan = Path(folder, "curve.npy"), Path(folder, "plan.json")
            for path in (plan, curve):
                await run_in_threadpool(state.storage.get_file, f"renders/{render.id}/{path.name}", path)
            return await state.probe.plot(curve, plan, render.name, render.owner)

    pictures = one(request, "pictures", lambda: SingleFlightCache(PICTURES))
    try:
        return Response(await pictures.get(render.id, draw), media_type="image/png", headers=KEEP)
    except MissingKeyError:
        if render.is_over:
            raise no_file(render, "curve") from None
        message = "the curve is not there yet: ask again when the render's stage is rendering"
        raise RequestError(message, code="not_done") from None


@router.get(
    "/{render_id}/poster.jpg",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "What If-None-Match says"}},
)
@router.head("/{render_id}/poster.jpg", include_in_schema=False)
async def get_poster(request: Request, render_id: RenderId, state: StateDep, caller: CallerDep) -> Response:
    """A frame of the video, small: from the middle of what is finished so far."""
    found = await snapshot_of(state, caller, render_id)
    render, finished = found.render, found.progress.segments
    if not finished and not render.is_over:
        raise RequestError("no chunk is finished yet: ask again when frames are done", code="not_done")
    index = finished // 2
    tag = f'"{render.id}-{index}"'
    headers = {"ETag": tag, **(KEEP if render.is_over else {"Cache-Control": "private, no-cache"})}
    if matches_tag(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)

    async def make() -> bytes:
        objects = RenderObjects(state.database, state.storage)
        segment = await run_in_threadpool(objects.get_bytes, render.id, chunk_name(index), MAX_SEGMENT)
        return await run_in_threadpool(poster_of, segment)

    pictures = one(request, "pictures", lambda: SingleFlightCache(PICTURES))
    try:
        return Response(await pictures.get(f"poster {tag}", make), media_type="image/jpeg", headers=headers)
    except DamagedError:
        raise no_file(render, "poster") from None


@router.get("/{render_id}/log", response_class=PlainTextResponse)
async def get_log(request: Request, render_id: RenderId, state: StateDep, caller: CallerDep) -> Response:
    """Get the notes of the render, the latest 500 lines; as JSON where `Accept` says application/json."""
    render = (await snapshot_of(state, caller, render_id)).render
    notes = await run_in_threadpool(state.database.notes, render.id)
    lines = [(datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), text) for at, text in notes]
    headers = {"Cache-Control": "no-store"}
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"lines": [{"at": at, "text": text} for at, text in lines]}, headers=headers)
    return PlainTextResponse("".join(f"{at} {text}\n" for at, text in lines), headers=headers)


def _check_done(render: Render, what: str) -> None:
    """RequestError, code not_done or not_found, unless the render is done."""
    if not render.is_over:
        message = f"the {what} is not there yet, the render is {render.status}: follow it at /v1/renders/{render.id}"
        raise RequestError(message, code="not_done")
    if render.status != "done":
        raise no_file(render, what)
