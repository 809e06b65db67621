"""Pictures of seeds: those that are asked for at about the same time are made together, and kept."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from akma_core.api.cache import SingleFlightCache
from akma_core.api.state import State
from akma_core.jobs.submission import NETWORKS
from akma_core.networks import builtin
from akma_core.networks.card import NetworkCard
from akma_core.storage import MissingKeyError
from akma_core.storage.layout import seed_key

TOGETHER = 16  # seeds of a task
GATHER = 0.02  # seconds that others may join in
WAIT = 60.0
MEMORY = 32 << 20  # bytes
KNOWN = 5.0  # seconds that a name stands for the same network


@dataclass(frozen=True)
class SeedLook:
    """Look of a picture of a seed."""

    model: str
    class_index: int
    psi: float
    size: int

    @property
    def name(self) -> str:
        """A part of a key in storage."""
        return f"{self.size}-{self.class_index}-{self.psi:g}"


class SeedPictures:
    """Of one event loop."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._memory = SingleFlightCache(MEMORY)
        self._waiting: dict[tuple[str, SeedLook], list[int]] = {}
        self._batches: dict[tuple[str, SeedLook], asyncio.Task[None]] = {}
        self._cards: dict[str, tuple[float, NetworkCard]] = {}

    async def card(self, name: str) -> NetworkCard:
        """The network of that name; RequestError, code unknown_model."""
        at, card = self._cards.get(name, (0.0, None))
        if card is None or time.monotonic() - at > KNOWN:
            card = await run_in_threadpool(self._find, name)
            self._cards = {**self._cards, name: (time.monotonic(), card)} if len(self._cards) < 100 else {}
        return card

    async def get(self, digest: str, look: SeedLook, seed: int) -> bytes:
        """The JPEG of a seed. FailureError where no worker makes it in time."""
        key = seed_key(digest, look.name, seed)

        async def make() -> bytes:
            try:
                return await run_in_threadpool(self._state.storage.get_bytes, key)
            except MissingKeyError:
                await self._made(digest, look, seed)
                return await run_in_threadpool(self._state.storage.get_bytes, key)

        return await self._memory.get(key, make)

    async def _made(self, digest: str, look: SeedLook, seed: int) -> None:
        kind = digest, look
        seeds = self._waiting.setdefault(kind, [])
        if not seeds:
            self._batches[kind] = asyncio.create_task(self._batch(kind, seeds))
        batch = self._batches[kind]
        seeds.append(seed)
        if len(seeds) >= TOGETHER:
            del self._waiting[kind]
        await asyncio.shield(batch)

    async def _batch(self, kind: tuple[str, SeedLook], seeds: list[int]) -> None:
        await asyncio.sleep(GATHER)
        if self._waiting.get(kind) is seeds:
            del self._waiting[kind]
        digest, look = kind
        wish: dict[str, Any] = {"model": look.model, "class": look.class_index, "truncation_psi": look.psi}
        task = {"settings": wish, "seeds": seeds, "size": look.size, "digest": digest, "look": look.name}
        await self._state.ask("seeds", task, WAIT)

    def _find(self, name: str) -> NetworkCard:
        if name in builtin.BUILT_IN:
            return builtin.find(name)[1]
        return NETWORKS.find(self._state.storage, name)
