"""New connections are read a few at a time: a thousand that come at once do not hold up those that are there."""

import asyncio
from collections import deque

from akma_core.api.header_timeout import HeaderTimeoutProtocol

SLICE = 2  # connections that are read for the first time in one turn of the event loop


class ConnectionTurns:
    """Transports that wait for their first reading. Of one event loop."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Transport] = deque()

    def wait(self, transport: asyncio.Transport) -> None:
        """Do not read `transport` before its turn."""
        transport.pause_reading()
        self._waiting.append(transport)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        for _ in range(min(SLICE, len(self._waiting))):
            self._waiting.popleft().resume_reading()  # nothing, where it is closed
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)


class ConnectionTurnsProtocol(HeaderTimeoutProtocol):
    """uvicorn's protocol whose connections wait for their turn."""

    _turns = ConnectionTurns()

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._turns.wait(transport)
