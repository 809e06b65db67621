"""What comes of a render: the video, its manifest, the picture of its curve, its log."""

import re
import tempfile
import unicodedata
from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from akma_core.api.cache import SingleFlightCache, one
from akma_core.api.errors import body
from akma_core.api.routes.events import Stream, seen
from akma_core.api.routes.renders import CallerDep, RenderId, StateDep
from akma_core.database import Render
from akma_core.errors import RequestError
from akma_core.storage import MissingKeyError, Storage

READERS = 16  # threads that read from storage at a time; routes that answer in a moment have their own
PICTURES = 8 << 20  # bytes of waveforms kept in memory
KEEP = {"Cache-Control": "private, max-age=3600"}  # it never changes, but it may be removed
RANGE = re.compile(r"bytes=[ \t]*(\d{0,30})-(\d{0,30})[ \t]*", re.ASCII | re.IGNORECASE)
UNSAFE = re.compile(r"[^A-Za-z0-9 ._()+-]")  # in a quoted file name, for every client there is
ATTR = "!#$&+-.^_`|~"  # RFC 5987, attr-char besides letters and digits

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
async def video(request: Request, render_id: RenderId, state: StateDep, caller: CallerDep) -> Response:
    """The video, once the render is done: whole, or the Range that is asked for.

    curl -OJ http://127.0.0.1:3000/v1/renders/ID/video
    """
    render = (await seen(state, caller, render_id)).render
    _check_done(render, "video")
    key = f"renders/{render.id}/video.mp4"
    if request.method == "GET":  # a signed link is for GET alone
        link = await run_in_threadpool(state.storage.signed_url, key, state.environment.link_seconds)
        if link:
            return RedirectResponse(link, 307, {"Cache-Control": "no-store"})
    return await _file(request, state.storage, render, key, "video/mp4")


@router.get(
    "/{render_id}/manifest",
    response_class=Response,
    responses={200: {"content": {"application/json": {"schema": {"type": "object"}}}}},
)
@router.head("/{render_id}/manifest", include_in_schema=False)
async def manifest(request: Request, render_id: RenderId, state: StateDep, caller: CallerDep) -> Response:
    """What `akma render --manifest` makes the video again from, once the render is done."""
    render = (await seen(state, caller, render_id)).render
    _check_done(render, "manifest")
    return await _file(request, state.storage, render, f"renders/{render.id}/manifest.json", "application/json")


@router.get("/{render_id}/waveform.png", response_class=Response, responses={200: {"content": {"image/png": {}}}})
async def waveform(request: Request, render_id: RenderId, state: StateDep, caller: CallerDep) -> Response:
    """The curve that moves the picture, once the render is planned."""
    render = (await seen(state, caller, render_id)).render

    async def draw() -> bytes:
        with tempfile.TemporaryDirectory(prefix="akma-") as folder:
            curve, plan = Path(folder, "curve.npy"), Path(folder, "plan.json")
            for path in (plan, curve):
                await run_in_threadpool(state.storage.get_file, f"renders/{render.id}/{path.name}", path)
            return await state.probe.plot(curve, plan, render.name)

    pictures = one(request, "pictures", lambda: SingleFlightCache(PICTURES))
    try:
        return Response(await pictures.get(render.id, draw), media_type="image/png", headers=KEEP)
    except MissingKeyError:
        if render.is_over:
            raise nothing(render, "curve") from None
        message = "the curve is not there yet: ask again when the render's stage is rendering"
        raise RequestError(message, code="not_done") from None


@router.get("/{render_id}/log", response_class=PlainTextResponse)
async def log(request: Request, render_id: RenderId, state: StateDep, caller: CallerDep) -> Response:
    """What was noted while it was rendered, the latest 500 lines; as JSON where `Accept` says application/json."""
    render = (await seen(state, caller, render_id)).render
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
        raise nothing(render, what)


def nothing(render: Render, what: str) -> RequestError:
    """The error of a render that is over and has no `what`."""
    reason = f" ({render.error_message})" if render.error_message else ""
    return RequestError(
        f"there is no {what}, the render {_ENDS[render.status]}{reason}: submit it again", code="not_found"
    )


_ENDS = {"done": "is done and was cleared away", "failed": "failed", "cancelled": "was cancelled"}


async def _file(request: Request, storage: Storage, render: Render, key: str, media_type: str) -> Response:
    """A key of storage as HTTP has files: all of it, a range, or the news that the client has it already."""
    suffix = Path(key).suffix
    size = await run_in_threadpool(storage.size, key)
    if size is None:
        raise nothing(render, Path(key).stem)
    tag = f'"{render.id}-{size:x}"'  # what lies under an id never changes
    headers = {**KEEP, "ETag": tag, "Accept-Ranges": "bytes", "Content-Disposition": disposition(render.name, suffix)}
    if _matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(size)}, media_type=media_type)
    asked = request.headers.get("range") if request.headers.get("if-range", tag) == tag else None
    try:
        part = byte_range(asked, size)
    except ValueError:
        message = f"there are no such bytes: the file has {size}, counted from 0"
        return body(416, "bad_range", message, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})
    start, stop = part or (0, size)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    readers = one(request, "readers", lambda: CapacityLimiter(READERS))
    try:
        pieces = await _opened(storage, key, start, stop, readers)
    except MissingKeyError:  # removed a moment ago
        raise nothing(render, Path(key).stem) from None
    return Stream(pieces, 206 if part else 200, headers, media_type)


async def _opened(storage: Storage, key: str, start: int, stop: int, readers: CapacityLimiter) -> AsyncGenerator[bytes]:
    """Bytes of a key, a piece in memory at a time; MissingKeyError now, while there can be another answer."""
    opened = await to_thread.run_sync(storage.open_range, key, start, stop, limiter=readers)
    pieces = cast("Generator[bytes, None, None]", opened)

    async def read() -> AsyncGenerator[bytes]:
        try:
            while piece := await to_thread.run_sync(next, pieces, b"", limiter=readers):
                yield piece
        finally:
            pieces.close()

    return read()


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte that a Range header wants of `size`, and one past the last.

    None where all are to be sent: no header, one that makes no sense, or several ranges, which nobody has to grant
    (RFC 9110, 14.2). ValueError where it wants what is not there.
    """
    match = RANGE.fullmatch(header or "")
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start, stop = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= size:
        raise ValueError(header)
    return start, stop


def disposition(name: str, suffix: str) -> str:
    """Content-Disposition (RFC 6266) of what a browser shows, and saves under the name of the song."""
    printable = "".join(filter(str.isprintable, name.encode(errors="ignore").decode()))
    stem = (
        re.sub(r"\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,5}$", "", re.sub(r"[/\\]", "_", printable)).strip(" .")[:150]
        or "akma"
    )
    plain = UNSAFE.sub("_", unicodedata.normalize("NFKD", stem).encode("ascii", "replace").decode())
    value = f'inline; filename="{plain}{suffix}"'
    return value if plain == stem else f"{value}; filename*=UTF-8''{quote(stem, safe=ATTR)}{suffix}"


def _matches(header: str | None, tag: str) -> bool:
    """Whether If-None-Match names the tag, weakly or not, or everything."""
    return header is not None and (header.strip() == "*" or tag in re.findall(r'"[^"]*"', header))
