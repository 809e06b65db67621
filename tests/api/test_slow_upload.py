"""Uploads that drip are ended: a byte now and then is no pause, and would hold a place for ever."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message

from akma_core.api.multipart import Limits
from akma_core.api.upload import Received, receive
from akma_core.config import Environment
from akma_core.errors import RequestError
from tests.support.web import END, FORM, SONG

DRIP = 0.02  # seconds
LIMITS = Limits(reserve_bytes=0, grace_seconds=0.2, least_rate=500.0)


async def upload(folder: Path, pieces: AsyncIterator[bytes], limits: Limits) -> Received:
    async def next_piece() -> Message:
        piece = await anext(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", FORM.encode())]}
    return await receive(Request(scope, next_piece), folder, "audio", limits)


async def dripping(piece: bytes) -> AsyncIterator[bytes]:
    yield SONG
    while True:
        await asyncio.sleep(DRIP)
        yield piece


async def slow_but_whole() -> AsyncIterator[bytes]:
    yield SONG.removesuffix(b"\r\n")
    for _ in range(20):
        await asyncio.sleep(DRIP)
        yield b"x" * 100
    yield b"\r\n" + END


def test_what_is_slow_but_above_the_rate_is_taken(tmp_path: Path) -> None:
    with asyncio.run(upload(tmp_path, slow_but_whole(), LIMITS)) as received:
        assert received.size > 2000


def test_a_drip_is_ended_after_the_grace(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(RequestError, match="slower than 500 bytes a second") as caught:
        asyncio.run(upload(tmp_path, dripping(b"x"), LIMITS))
    assert LIMITS.grace_seconds < time.monotonic() - began < 3
    assert caught.value.code == "upload_stalled"
    assert not list(tmp_path.iterdir())


def test_without_a_least_rate_only_the_pause_counts(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(0.6):
            await upload(tmp_path, dripping(b"x"), Limits(reserve_bytes=0, grace_seconds=0.1))

    with pytest.raises(TimeoutError):
        asyncio.run(main())


def test_the_environment_sets_it() -> None:
    limits = Limits.of(Environment(min_upload_rate=123, max_upload_bytes=4567))
    assert (limits.least_rate, limits.file_bytes) == (123, 4567)
