"""Watching renders: one look at the database for all that are followed, as long as somebody follows them."""

import asyncio
import logging
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from akma_core.api.auth import Caller
from akma_core.api.cache import SingleFlight, one
from akma_core.api.dependencies import StateDep, check_visible, find_render
from akma_core.api.prefix import prefix
from akma_core.api.schemas import render_response
from akma_core.api.state import State
from akma_core.database import Progress, Render

EVERY = 0.5  # seconds between two looks at the database, and so between two events
SLICE = 8  # listeners that are woken at once; other requests have their turn before the next
FIRST_LOOKS = 4  # threads that look at renders for whoever has just come

log = logging.getLogger("akma.api")


@dataclass(frozen=True)
class RenderSnapshot:
    """A render and its progress at one moment."""

    render: Render
    progress: Progress
    data: str = field(compare=False)
    """The same as JSON in one line, as GET /v1/renders/{id} answers."""
    changing: str = field(compare=False)
    """The part of it that changes: without settings, which may be megabytes of seeds, and links."""


RenderSnapshots = Mapping[str, RenderSnapshot | None]
"""By id; None for a render that was forgotten."""


class RenderWatcher:
    """Takes snapshots of all renders that are watched, in a few queries, while somebody watches. One event loop's."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._watched: Counter[str] = Counter()
        self._snapshots: RenderSnapshots = {}
        self._waiting: list[asyncio.Future[float]] = []
        self._task: asyncio.Task[None] | None = None
        self._limiter, self._first_limiter = CapacityLimiter(1), CapacityLimiter(FIRST_LOOKS)
        self._first_look = SingleFlight[RenderSnapshot | None]()
        self.leaving = False
        """True when the server was about to stop at the last look: uvicorn waits for open streams before it says so."""

    async def look_at(self, caller: Caller, render_id: str) -> RenderSnapshot:
        """Look at a render that `caller` may see: once for all who ask at a time. RequestError, code not_found."""

        async def look() -> RenderSnapshot | None:
            found = await to_thread.run_sync(take_snapshots, self._state, [render_id], {}, limiter=self._first_limiter)
            return found[render_id]

        # Links begin with the prefix that the proxy of this request shows.
        found = await self._first_look(f"{prefix()} {render_id}", look)
        check_visible(found.render if found else None, caller)
        assert found
        return found

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
        waiter: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        return await waiter

    def snapshot(self, render_id: str, known: RenderSnapshot) -> RenderSnapshot | None:
        """The render as it was last seen, `known` where it was not yet; None once it is forgotten."""
        return self._snapshots.get(render_id, known)

    async def _look_again(self) -> None:
        try:
            while self._watched:
                await asyncio.sleep(EVERY)
                try:
                    watched, known = list(self._watched), self._snapshots
                    self._snapshots = await to_thread.run_sync(
                        take_snapshots, self._state, watched, known, limiter=self._limiter
                    )
                except Exception as error:  # it may pass; until then there is nothing new to tell
                    log.warning("cannot look at the renders: %s", error)
                self.leaving = _is_leaving()
                await self._wake(asyncio.get_running_loop().time())
        finally:
            self._task = None

    async def _wake(self, seen: float) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), SLICE):
            for waiter in waiting[start : start + SLICE]:
                if not waiter.done():  # whose client has gone
                    waiter.set_result(seen)
            await asyncio.sleep(0)


def _is_leaving() -> bool:
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(server, "should_exit", False) is True


def take_snapshots(state: State, ids: Iterable[str], known: RenderSnapshots) -> RenderSnapshots:
    """Snapshots of renders in a few queries, however many they are; those that did not change are `known`'s."""
    wanted = set(ids)
    renders: dict[str, Render | None] = dict.fromkeys(wanted) | state.database.several(wanted)
    progress = state.database.progress(wanted)  # after the rows: one that is done has all its frames
    return {
        key: _snapshot(state, render, progress[key], known.get(key)) if render else None
        for key, render in renders.items()
    }


async def snapshot_of(state: State, caller: Caller, render_id: str) -> RenderSnapshot:
    """A render that `caller` may see, now; RequestError, code not_found, otherwise."""

    def look() -> RenderSnapshot:
        render = find_render(state, caller, render_id)
        return _snapshot(state, render, state.database.progress([render_id])[render_id], None)

    return await run_in_threadpool(look)


def _snapshot(state: State, render: Render, progress: Progress, known: RenderSnapshot | None) -> RenderSnapshot:
    if known and (known.render, known.progress) == (render, progress):
        return known  # parts of it may be megabytes of seeds
    response = render_response(state, render, progress)
    changing = response.model_dump_json(exclude={"settings", "links"})
    return RenderSnapshot(render, progress, response.model_dump_json(), changing)


async def watcher_of(request: Request, state: StateDep) -> RenderWatcher:
    """The app's watcher, as a FastAPI dependency."""
    return one(request, "watcher", lambda: RenderWatcher(state))


WatcherDep = Annotated[RenderWatcher, Depends(watcher_of)]
