"""Keys of storage as files on this machine: where they lie, or copies that are kept as long as there is room."""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool

from akma_core.api.cache import SingleFlight
from akma_core.storage import MissingKeyError, Storage

MOST_BYTES = 8 << 30  # of copies


class LocalFiles:
    """Copies in `folder`, which is this process' own; those go that nobody asked for of late. Of one event loop."""

    def __init__(self, storage: Storage, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._storage, self._folder, self._most = storage, folder, most_bytes
        self._copies: OrderedDict[str, int] = OrderedDict()
        self._held: Counter[str] = Counter()
        self._once = SingleFlight[None]()

    @asynccontextmanager
    async def held(self, key: str, make: Callable[[], Awaitable[None]] | None = None) -> AsyncIterator[Path]:
        """The file, there for as long as the block lasts.

        Where there is no such key `make` puts it into storage first, once for all who ask at a time; MissingKeyError
        without it.
        """
        there = self._storage.local_path(key)
        if there is not None:
            if not await run_in_threadpool(there.is_file):
                if make is not None:
                    await self._once(f"make {key}", make)
                if make is None or not await run_in_threadpool(there.is_file):
                    raise MissingKeyError(f"nothing is kept under {key}")
            yield there
            return
        self._held[key] += 1
        try:
            if key not in self._copies:
                if make is not None:
                    await self.stored(key, make)
                await self._once(f"copy {key}", lambda: self._copy(key))
            self._copies.move_to_end(key)
            yield self._path(key)
        finally:
            self._held[key] -= 1
            self._make_room()

    async def stored(self, key: str, make: Callable[[], Awaitable[None]]) -> None:
        """Have `key` in storage itself, for other machines: `make` puts it there, once for all who ask at a time."""
        if not await run_in_threadpool(self._storage.exists, key):
            await self._once(f"make {key}", make)

    async def _copy(self, key: str) -> None:
        path = self._path(key)
        await run_in_threadpool(path.parent.mkdir, parents=True, exist_ok=True)
        await run_in_threadpool(self._storage.get_file, key, path)
        self._copies[key] = path.stat().st_size

    def _make_room(self) -> None:
        self._held = +self._held
        free = [key for key in self._copies if not self._held[key]]
        while free and sum(self._copies.values()) > self._most:
            key = free.pop(0)
            self._path(key).unlink(missing_ok=True)
            del self._copies[key]

    def _path(self, key: str) -> Path:
        return self._folder / (hashlib.sha256(key.encode()).hexdigest()[:32] + Path(key).suffix)
