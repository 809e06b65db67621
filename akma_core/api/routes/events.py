"""How far a render is, told as it happens: server-sent events."""

import asyncio
import logging
import signal
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Header, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from akma_core.api.auth import Caller
from akma_core.api.cache import one
from akma_core.api.routes.renders import CallerDep, RenderId, StateDep, find
from akma_core.api.schemas import render_response
from akma_core.api.state import State, state_of
from akma_core.database import Progress, Render

EVERY = 0.5  # seconds between two looks at the database, and so between two events
HEARTBEAT = 15.0  # seconds without an event after which a comment keeps proxies from hanging up
RETRY = 2000  # milliseconds until a browser connects again
LAST = "over"  # id of the event after which nothing comes

log = logging.getLogger("akma.api")
router = APIRouter(prefix="/v1/renders", tags=["renders"])


@dataclass(frozen=True)
class RenderSnapshot:
    """A render as it was seen."""

    render: Render
    progress: Progress
    data: str = field(compare=False)
    """The same as JSON in one line, as GET /v1/renders/{id} answers."""


RenderSnapshots = Mapping[str, RenderSnapshot | None]
"""By id; None for a render that was forgotten."""


class RenderWatcher:
    """Looks at the renders that are watched, all in one go, as long as somebody watches. Of one event loop."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._watched: Counter[str] = Counter()
        self._sights: RenderSnapshots = {}
        self._turn = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._limiter = CapacityLimiter(1)
        self._seen = 0.0

    @contextmanager
    def watching(self, render_id: str) -> Iterator[None]:
        """Inside the block each look is at that render as well."""
        self._watched[render_id] += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look_again())
        try:
            yield
        finally:
            self._watched[render_id] -= 1
            if not self._watched[render_id]:
                del self._watched[render_id]

    async def next(self) -> float:
        """Wait for the next look; returns when it was, by the loop's clock."""
        await self._turn.wait()
        return self._seen

    def snapshot(self, render_id: str, known: RenderSnapshot) -> RenderSnapshot | None:
        """The render as it was last seen, `known` where it was not yet; None once it is forgotten."""
        return self._sights.get(render_id, known)

    @property
    def leaving(self) -> bool:
        """Whether the server is about to stop: uvicorn waits for open streams before it tells the app of it."""
        server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
        return getattr(server, "should_exit", False) is True

    async def _look_again(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._watched:
                await asyncio.sleep(EVERY)
                try:
                    watched, known = list(self._watched), self._sights
                    self._sights = await to_thread.run_sync(see, self._state, watched, known, limiter=self._limiter)
                except Exception as error:  # it may pass; until then there is nothing new to tell
                    log.warning("cannot look at the renders: %s", error)
                self._seen = loop.time()
                turn, self._turn = self._turn, asyncio.Event()
                turn.set()
        finally:
            self._task = None


def see(state: State, ids: Iterable[str], known: RenderSnapshots) -> RenderSnapshots:
    """Those renders in a few queries, however many they are; what did not change is as `known`."""
    wanted = set(ids)
    renders: dict[str, Render | None] = dict.fromkeys(wanted) | state.database.several(wanted)
    progress = state.database.progress(wanted)  # after the rows: one that is done has all its frames
    return {
        key: _snapshot(state, render, progress[key], known.get(key)) if render else None
        for key, render in renders.items()
    }


async def seen(state: State, caller: Caller, render_id: str) -> RenderSnapshot:
    """A render that `caller` may see, now; RequestError, code not_found, otherwise."""

    def look() -> RenderSnapshot:
        render = find(state, caller, render_id)
        return _snapshot(state, render, state.database.progress([render_id])[render_id], None)

    return await run_in_threadpool(look)


def _snapshot(state: State, render: Render, progress: Progress, known: RenderSnapshot | None) -> RenderSnapshot:
    if known and (known.render, known.progress) == (render, progress):
        return known  # parts of it may be megabytes of seeds
    return RenderSnapshot(render, progress, render_response(state, render, progress).model_dump_json())


async def watcher_of(request: Request) -> RenderWatcher:
    """The app's board, as a FastAPI dependency."""
    return one(request, "board", lambda: RenderWatcher(state_of(request)))


Watching = Annotated[RenderWatcher, Depends(watcher_of)]


class Stream(StreamingResponse):
    """A response whose generator is closed when the client goes, and not when somebody collects it."""

    async def stream_response(self, send: Send) -> None:
        assert isinstance(self.body_iterator, AsyncGenerator)
        async with aclosing(self.body_iterator):
            await super().stream_response(send)


@router.get(
    "/{render_id}/events",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def events(
    render_id: RenderId,
    state: StateDep,
    caller: CallerDep,
    watcher: Watching,
    last: Annotated[str, Header(alias="Last-Event-ID", include_in_schema=False)] = "",
) -> Response:
    """Follow a render: `progress` events, at most two a second, with what GET /v1/renders/{id} answers as their data,
    and at the end one that is called `done`, `failed` or `cancelled`.

    curl -N http://127.0.0.1:3000/v1/renders/ID/events
    """
    first = await seen(state, caller, render_id)
    if last == LAST and first.render.is_over:
        return Response(status_code=204)  # what tells an EventSource not to connect again
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(_told(watcher, first), headers=headers, media_type="text/event-stream")


async def _told(watcher: RenderWatcher, snapshot: RenderSnapshot) -> AsyncGenerator[bytes]:
    """The stream from `snapshot` on. Whoever reads slowly misses events, and nobody else waits for them."""
    render_id, told, at = snapshot.render.id, snapshot, asyncio.get_running_loop().time()
    with watcher.watching(render_id):
        yield f"retry: {RETRY}\n".encode() + _event(snapshot)
        while not told.render.is_over:
            look = await watcher.next()
            latest = watcher.snapshot(render_id, told)
            if latest is None or watcher.leaving:
                return
            if latest != told and (latest.render.is_over or look - at >= EVERY):
                told, at = latest, look
                yield _event(told)
            elif look - at >= HEARTBEAT:
                at = look
                yield b": still here\n\n"


def _event(snapshot: RenderSnapshot) -> bytes:
    over = snapshot.render.is_over
    name, number = (snapshot.render.status, LAST) if over else ("progress", str(round(1000 * time.time())))
    return f"id: {number}\nevent: {name}\ndata: {snapshot.data}\n\n".encode()
