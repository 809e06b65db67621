"""Server-sent events: how far a render is, as it happens."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from akma_core.api import watch
from akma_core.api.dependencies import CallerDep, RenderId, StateDep
from akma_core.api.listeners import listeners_of
from akma_core.api.responses import Stream
from akma_core.api.watch import RenderSnapshot, RenderWatcher, WatcherDep

HEARTBEAT = 15.0  # seconds without an event after which a comment keeps proxies from hanging up
RETRY = 2000  # milliseconds until a browser connects again
DEAF = 30.0  # seconds after which a client that does not read is left
LAST = "over"  # id of the event after which nothing comes

router = APIRouter(prefix="/v1/renders", tags=["renders"])


@router.get(
    "/{render_id}/events",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def follow_render(
    request: Request,
    render_id: RenderId,
    state: StateDep,
    caller: CallerDep,
    watcher: WatcherDep,
    last: Annotated[str, Header(alias="Last-Event-ID", include_in_schema=False)] = "",
) -> Response:
    """Follow a render: `progress` events, at most two a second, and at the end one that is called `done`, `failed` or
    `cancelled`. The data of the first one is what GET /v1/renders/{id} answers, that of the others the same without
    settings and links. A listener that does not read for half a minute is left; too many of one key: 429.

    curl -N http://127.0.0.1:3000/v1/renders/ID/events
    """
    first = await watcher.look_at(caller, render_id)
    if last == LAST and first.render.is_over:
        return Response(status_code=204)  # what tells an EventSource not to connect again
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    leave = listeners_of(request, state).enter(caller.name)
    return EventStream(_events(watcher, first), leave, headers)


class EventStream(Stream):
    """An event stream that leaves a client which does not read: what waits for it would fill the memory."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes], leave: Callable[[], None], headers: dict[str, str]) -> None:
        """`leave` is called when the stream has ended, begun or not."""
        super().__init__(events, headers=headers)
        self._leave = leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._leave()

    async def stream_response(self, send: Send) -> None:
        async def timed(message: Message) -> None:
            async with asyncio.timeout(DEAF):
                await send(message)

        with suppress(TimeoutError):
            await super().stream_response(timed)


async def _events(watcher: RenderWatcher, snapshot: RenderSnapshot) -> AsyncGenerator[bytes]:
    """The stream from `snapshot` on. Whoever reads slowly misses events, and nobody else waits for them."""
    render_id, told, at = snapshot.render.id, snapshot, asyncio.get_running_loop().time()
    with watcher.watching(render_id):
        yield f"retry: {RETRY}\n".encode() + _event(snapshot, snapshot.data)
        while not told.render.is_over:
            look = await watcher.next()
            latest = watcher.snapshot(render_id, told)
            if latest is None or watcher.leaving:
                return
            if latest != told and (latest.render.is_over or look - at >= watch.EVERY):
                told, at = latest, look
                yield _event(told, told.changing)
            elif look - at >= HEARTBEAT:
                at = look
                yield b": still here\n\n"


def _event(snapshot: RenderSnapshot, data: str) -> bytes:
    over = snapshot.render.is_over
    name, number = (snapshot.render.status, LAST) if over else ("progress", str(round(1000 * time.time())))
    return f"id: {number}\nevent: {name}\ndata: {data}\n\n".encode()
