"""Answers that many ask for and that never change: made once, kept as long as there is room."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar, cast

from fastapi import Request

T = TypeVar("T")


def one(request: Request, name: str, make: Callable[[], T]) -> T:
    """Get the app's one object of that name, made when first asked for. Called on the event loop."""
    state = request.app.state
    if not hasattr(state, name):
        setattr(state, name, make())
    return cast(T, getattr(state, name))


class SingleFlight(Generic[T]):
    """Work that many ask for at a time and that is done once. Of one event loop."""

    def __init__(self) -> None:
        self._under_way: dict[str, asyncio.Task[T]] = {}

    async def __call__(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """Result of `work`, or the work of that name that is under way. Errors come to all who wait."""
        task = self._under_way.get(name)
        if task is None:
            task = self._under_way[name] = asyncio.ensure_future(work())
            task.add_done_callback(partial(self._ended, name))
        return await asyncio.shield(task)  # who asked first may go; the others still wait

    def _ended(self, name: str, task: asyncio.Task[T]) -> None:
        del self._under_way[name]
        if not task.cancelled():
            task.exception()  # all who wanted it may be gone: then nobody has looked at its error


class SingleFlightCache:
    """Up to `limit` bytes, in memory; those go first that nobody asked for of late. Of one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._once = SingleFlight[bytes]()
        self.size = 0
        """Bytes that are kept."""

    async def get(self, key: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """Get what is kept under `key`, or what `make` gives: once, however many ask at a time. Errors are not kept."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        return await self._once(key, lambda: self._make(key, make))

    def peek(self, key: str) -> bytes | None:
        """Get what is kept under `key` now, if anything is."""
        return self._kept.get(key)

    def put(self, key: str, data: bytes) -> None:
        """Keep `data` under `key`, in place of what is there."""
        self.size -= len(self._kept.pop(key, b""))
        if len(data) <= self._limit:
            self._kept[key] = data
            self.size += len(data)
            while self.size > self._limit:
                self.size -= len(self._kept.popitem(last=False)[1])

    async def _make(self, key: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        data = await make()
        self.put(key, data)
        return data
