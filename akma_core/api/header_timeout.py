"""Limit on the time that the head of a request may take: uvicorn waits for ever, for as many as care to drip."""

import asyncio

from uvicorn.protocols.http.auto import AutoHTTPProtocol

SECONDS = 20.0
"""From the connection, or the first byte of a later request, to the end of its head."""


class HeaderTimeoutProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # one of two, as it finds
    """uvicorn's protocol, which closes a connection whose request does not begin in time.

    Between requests it is uvicorn that closes: after --timeout-keep-alive.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._start(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._timer is None:
            self._start(self.transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._stop()
        super().connection_lost(error)

    def _start(self, transport: asyncio.Transport) -> None:
        self._timer = asyncio.get_running_loop().call_later(SECONDS, transport.close)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
