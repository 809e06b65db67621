"""Server-sent events: how far a render is, as it happens."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response

from akma_core.api import watch
from akma_core.api.dependencies import CallerDep, RenderId, StateDep
from akma_core.api.responses import Stream
from akma_core.api.watch import RenderSnapshot, RenderWatcher, WatcherDep, snapshot_of

HEARTBEAT = 15.0  # seconds without an event after which a comment keeps proxies from hanging up
RETRY = 2000  # milliseconds until a browser connects again
LAST = "over"  # id of the event after which nothing comes

router = APIRouter(prefix="/v1/renders", tags=["renders"])


@router.get(
    "/{render_id}/events",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow_render(
    render_id: RenderId,
    state: StateDep,
    caller: CallerDep,
    watcher: WatcherDep,
    last: Annotated[str, Header(alias="Last-Event-ID", include_in_schema=False)] = "",
) -> Response:
    """Follow a render: `progress` events, at most two a second, with what GET /v1/renders/{id} answers as their data,
    and at the end one that is called `done`, `failed` or `cancelled`.

    curl -N http://127.0.0.1:3000/v1/renders/ID/events
    """
    first = await snapshot_of(state, caller, render_id)
    if last == LAST and first.render.is_over:
        return Response(status_code=204)  # what tells an EventSource not to connect again
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(_events(watcher, first), headers=headers, media_type="text/event-stream")


async def _events(watcher: RenderWatcher, snapshot: RenderSnapshot) -> AsyncGenerator[bytes]:
    """The stream from `snapshot` on. Whoever reads slowly misses events, and nobody else waits for them."""
    render_id, told, at = snapshot.render.id, snapshot, asyncio.get_running_loop().time()
    with watcher.watching(render_id):
        yield f"retry: {RETRY}\n".encode() + _event(snapshot)
        while not told.render.is_over:
            look = await watcher.next()
            latest = watcher.snapshot(render_id, told)
            if latest is None or watcher.leaving:
                return
            if latest != told and (latest.render.is_over or look - at >= watch.EVERY):
                told, at = latest, look
                yield _event(told)
            elif look - at >= HEARTBEAT:
                at = look
                yield b": still here\n\n"


def _event(snapshot: RenderSnapshot) -> bytes:
    over = snapshot.render.is_over
    name, number = (snapshot.render.status, LAST) if over else ("progress", str(round(1000 * time.time())))
    return f"id: {number}\nevent: {name}\ndata: {snapshot.data}\n\n".encode()
