"""Event streams that are open: how many, and how many of a key there may be."""

from collections import Counter
from collections.abc import Callable

from fastapi import Request

from akma_core.api.cache import one
from akma_core.api.state import State
from akma_core.errors import RequestError


class Listeners:
    """Open event streams of each key, up to `most`. Of one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """Streams that are open, of all keys."""
        return self._open.total()

    def enter(self, owner: str) -> Callable[[], None]:
        """Count one more; returns what takes it off again. RequestError, code too_many, beyond the limit."""
        if self._open[owner] >= self._most:
            message = f"{self._most} event streams are open with this key: close some, or ask for the render itself"
            raise RequestError(message, code="too_many")
        self._open[owner] += 1

        def leave() -> None:
            self._open[owner] -= 1
            if not self._open[owner]:
                del self._open[owner]

        return leave


def listeners_of(request: Request, state: State) -> Listeners:
    """The app's listeners. Called on the event loop."""
    return one(request, "listeners", lambda: Listeners(state.environment.max_listeners))
