"""Connections that come all at once are read a few at a time, and all of them are answered."""

import asyncio
from typing import cast

import uvicorn
from starlette.types import Send

from akma_core.api.connection_turns import SLICE, ConnectionTurns, ConnectionTurnsProtocol

COUNT = 60
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Transport:
    """Notes whether it is read."""

    reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def test_a_slice_in_each_turn_of_the_loop() -> None:
    async def main() -> list[int]:
        turns, transports, seen = ConnectionTurns(), [Transport() for _ in range(3 * SLICE + 1)], []
        for transport in transports:
            turns.wait(cast(asyncio.Transport, transport))
        for _ in range(5):
            seen.append(sum(transport.reading for transport in transports))
            await asyncio.sleep(0)
        late = Transport()  # after a pause
        turns.wait(cast(asyncio.Transport, late))
        for _ in range(2):
            seen.append(late.reading)
            await asyncio.sleep(0)
        return seen

    assert asyncio.run(main()) == [0, SLICE, 2 * SLICE, 3 * SLICE, 3 * SLICE + 1, 0, 1]


def test_all_that_stay_are_answered() -> None:
    async def app(_scope: object, _receive: object, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def ask(port: int, stays: bool) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        if not stays:
            writer.transport.abort()
            return b""
        line = await reader.readline()
        writer.close()
        return line

    async def main() -> list[bytes]:
        config = uvicorn.Config(app, http=ConnectionTurnsProtocol, lifespan="off", log_level="error", port=0)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        lines = await asyncio.gather(*(ask(port, bool(number % 3)) for number in range(COUNT)))
        server.should_exit = True
        await serving
        return lines

    lines = asyncio.run(main())
    assert [line for line in lines if line] == [b"HTTP/1.1 204 No Content\r\n"] * (COUNT * 2 // 3)
