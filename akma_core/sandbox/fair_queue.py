"""Fair queue: places shared by owners, so that one owner's long work never keeps another's waiting."""

from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from anyio import Event

HALF_LIFE = 60.0  # seconds after which half of what an owner has used is forgotten


class FairQueue:
    """`places` for work; an owner holds all but one of them at most. Of one event loop.

    A free place goes to the waiting owner who holds fewest places, then to the one who has used the least time of late,
    then to the one who came first; one owner's own work is in the order of its arrival.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._most = max(1, places - 1)
        self._held: Counter[str] = Counter()
        self._used: defaultdict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
        """Seconds used by an owner, and when that was reckoned."""
        self._waiting: dict[str, deque[Event]] = {}

    @property
    def waiting(self) -> int:
        """Callers that wait for a place."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def place(self, owner: str) -> AsyncIterator[None]:
        """Hold a place for `owner` inside the block."""
        await self._acquire(owner)
        began = monotonic()
        try:
            yield
        finally:
            self._used[owner] = (self._recent(owner) + monotonic() - began, monotonic())
            self._release(owner)

    async def _acquire(self, owner: str) -> None:
        turn = Event()
        self._waiting.setdefault(owner, deque()).append(turn)
        self._hand_out()
        try:
            await turn.wait()
        except BaseException:  # cancelled, perhaps in the moment in which it got its place
            if turn.is_set():
                self._release(owner)
            else:
                self._drop(owner, turn)
            raise

    def _release(self, owner: str) -> None:
        self._free += 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._hand_out()

    def _hand_out(self) -> None:
        while self._free:
            able = [owner for owner in self._waiting if self._held[owner] < self._most]
            if not able:
                return
            owner = min(able, key=lambda each: (self._held[each], self._recent(each)))  # the first of equals
            turn = self._waiting[owner].popleft()
            if not self._waiting[owner]:
                del self._waiting[owner]
            self._free -= 1
            self._held[owner] += 1
            turn.set()

    def _drop(self, owner: str, turn: Event) -> None:
        queue = self._waiting[owner]
        queue.remove(turn)
        if not queue:
            del self._waiting[owner]

    def _recent(self, owner: str) -> float:
        """Seconds that `owner` has used, older ones counting less."""
        seconds, at = self._used.get(owner, (0.0, 0.0))
        recent: float = seconds * 0.5 ** ((monotonic() - at) / HALF_LIFE)
        if recent < 1e-3:
            self._used.pop(owner, None)  # so that owners long gone take no memory
        return recent
