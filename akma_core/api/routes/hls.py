"""Watching a render while it is made: an HLS playlist of the chunks that are there, and its fragments on demand.

Before the first chunk a player's request for the playlist waits for it, since nothing else starts them both: hls.js
takes a 404 for an answer and does not ask again, and neither it nor Safari begins with a playlist of nothing. Who
waits longer than HOLD gets 503 with Retry-After. Chromium's own player never asks again, and is held for longer.
"""

import asyncio
import tempfile
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache
from pathlib import Path as File
from typing import Annotated
from urllib.parse import urlencode

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from akma_core.api.cache import SingleFlightCache, one
from akma_core.api.dependencies import CallerDep, RenderId, StateDep, find_render
from akma_core.api.errors import body
from akma_core.api.responses import no_file
from akma_core.api.state import State
from akma_core.api.watch import RenderSnapshot, RenderWatcher, WatcherDep, snapshot_of
from akma_core.database import Database, Render
from akma_core.errors import RequestError
from akma_core.jobs.objects import DamagedError, RenderObjects
from akma_core.media import hls
from akma_core.storage.layout import chunk_name, sound_name

# Seconds that a request waits for the first chunk. hls.js gives up after 20 and asks three times, but only twice where
# it is answered with an error: its own limit is to come first.
HOLD = 25.0
NATIVE, NATIVE_HOLD = 3, 120.0  # chunks that Chromium's own player wants to see before it plays, and its seconds
MAKERS = 2  # fragments that are made at a time, some 10 ms of a CPU each
FRAGMENTS = 64 << 20  # bytes of them in memory
FOLDER = "segments"  # relative to the playlist; what access.LINKED lets tokens open
INITIAL = "init.mp4"
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}

router = APIRouter(prefix="/v1/renders", tags=["renders"])


@router.get(
    "/{render_id}/stream.m3u8",
    response_class=Response,
    responses={200: {"content": {hls.MIME_PLAYLIST: {"schema": {"type": "string"}}}}},
)
async def get_playlist(
    request: Request,
    render_id: RenderId,
    state: StateDep,
    caller: CallerDep,
    watcher: WatcherDep,
    token: Annotated[str, Query(max_length=200, description="of a signed link; the fragments inherit it")] = "",
) -> Response:
    """Watch it while it is rendered: an HLS playlist of the chunks that are finished, for Safari, hls.js, VLC, mpv."""
    wanted, hold = (NATIVE, NATIVE_HOLD) if _is_chromium(request) else (1, HOLD)
    snapshot = await _begun(watcher, await snapshot_of(state, caller, render_id), wanted, hold)
    render, ready = snapshot.render, _ready(snapshot)
    if not ready and render.is_over:
        raise no_file(render, "stream")
    if not ready:
        message = "the first seconds are not rendered yet: ask again when frames_done grows"
        return body(503, "not_begun", message, headers={"Retry-After": "2", "Cache-Control": "no-store"})
    fps = Fraction(render.fps)
    frames = await run_in_threadpool(_frames, state.database, render_id)
    query = "?" + urlencode({"token": token}) if token else ""  # players without headers need it for each fragment
    text = hls.playlist(
        [Fraction(each) / fps for each in frames],
        ready,
        ended=render.is_over,
        uri=lambda index: f"{FOLDER}/{index:05d}.m4s{query}",
        init_uri=f"{FOLDER}/{INITIAL}{query}",
    )
    keep = "private, max-age=60" if render.is_over else "no-store"
    return Response(text, media_type=hls.MIME_PLAYLIST, headers={"Cache-Control": keep})


@router.get(
    f"/{{render_id}}/{FOLDER}/{{name}}",
    response_class=Response,
    responses={200: {"content": {hls.MIME_MEDIA: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def get_fragment(
    request: Request,
    render_id: RenderId,
    name: Annotated[str, Path(pattern=r"^(init\.mp4|[0-9]{5,6}\.m4s)$", description="as the playlist names it")],
    state: StateDep,
    caller: CallerDep,
) -> Response:
    """A part of the stream."""
    render = await run_in_threadpool(find_render, state, caller, render_id)
    makers = one(request, "makers", lambda: CapacityLimiter(MAKERS))

    async def make() -> bytes:
        return await to_thread.run_sync(_make, state, render, name, limiter=makers)

    fragments = one(request, "fragments", lambda: SingleFlightCache(FRAGMENTS))
    try:
        data = await fragments.get(f"{render_id}/{name}", make)
    except DamagedError as error:
        if not error.gone:  # while the render goes on it is made again: 503, and the player comes back
            raise
        raise RequestError("this part of the stream is not there", code="not_found") from None
    return Response(data, media_type=hls.MIME_MEDIA, headers=FOREVER)


def _is_chromium(request: Request) -> bool:
    """True for a media element of Chromium's, which says that it is one."""
    native = request.headers.get("sec-fetch-dest") in ("video", "audio")
    return native and "Chrome/" in request.headers.get("user-agent", "")


async def _begun(watcher: RenderWatcher, snapshot: RenderSnapshot, wanted: int, hold: float) -> RenderSnapshot:
    """The render once `wanted` chunks are there, or all it will ever have, or `hold` seconds are over."""
    with watcher.watching(snapshot.render.id), suppress(TimeoutError):
        async with asyncio.timeout(hold):
            while not (_ready(snapshot) >= wanted or snapshot.render.is_over or watcher.leaving):
                await watcher.next()
                snapshot = watcher.snapshot(snapshot.render.id, snapshot) or snapshot
    return snapshot


def _ready(snapshot: RenderSnapshot) -> int:
    """Chunks from the first on whose pictures and sound are there."""
    return min(snapshot.progress.segments, snapshot.render.sound)


@lru_cache(256)
def _frames(database: Database, render_id: str) -> tuple[int, ...]:
    """Frames of each chunk of a render that is planned."""
    return tuple(row["frames"] for row in database.segments(render_id))


def _make(state: State, render: Render, name: str) -> bytes:
    index = 0 if name == INITIAL else int(File(name).stem)
    with tempfile.TemporaryDirectory(prefix="akma-") as folder:
        segment, piece = File(folder, "segment.mp4"), File(folder, "piece.mp4")
        objects = RenderObjects(state.database, state.storage)
        objects.get_file(render.id, chunk_name(index), segment)
        objects.get_file(render.id, sound_name(index), piece)
        if name == INITIAL:
            return hls.initialisation(segment, piece)
        start = sum(_frames(state.database, render.id)[:index])
        return hls.fragment(index, start, segment, piece, Fraction(render.fps))
