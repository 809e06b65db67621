"""Answers that many ask for and that never change: made once, kept as long as there is room."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from fastapi import Request

T = TypeVar("T")


def one(request: Request, name: str, make: Callable[[], T]) -> T:
    """Get the app's one object of that name, made when first asked for. Called on the event loop."""
    state = request.app.state
    if not hasattr(state, name):
        setattr(state, name, make())
    return cast(T, getattr(state, name))


class SingleFlightCache:
    """Up to `limit` bytes, in memory; those go first that nobody asked for of late. Of one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._making: dict[str, asyncio.Task[bytes]] = {}
        self.size = 0
        """Bytes that are kept."""

    async def get(self, key: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """Get what is kept under `key`, or what `make` gives: once, however many ask at a time. Errors are not kept."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, make))
            task.add_done_callback(_seen)
        return await asyncio.shield(task)  # who asked first may go; the others still wait

    async def _make(self, key: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        try:
            data = await make()
        finally:
            del self._making[key]
        if len(data) <= self._limit:
            self._kept[key] = data
            self.size += len(data)
            while self.size > self._limit:
                self.size -= len(self._kept.popitem(last=False)[1])
        return data


def _seen(task: asyncio.Task[bytes]) -> None:
    """All who wanted it may be gone: then nobody has looked at its error."""
    if not task.cancelled():
        task.exception()
