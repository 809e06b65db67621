"""Responses of bytes: streams that end with their client, files with ranges, and the type that a client prefers."""

import re
import unicodedata
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from pathlib import Path
from typing import cast
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from akma_core.api.cache import one
from akma_core.api.errors import body
from akma_core.database import Render, Song
from akma_core.errors import RequestError
from akma_core.storage import MissingKeyError, Storage

READERS = 16  # threads that read from storage at a time; routes that answer in a moment have their own
KEEP = {"Cache-Control": "private, max-age=3600"}  # it never changes, but it may be removed
# What somebody uploaded is never taken for a page, whatever it holds.
SAFE = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
RANGE = re.compile(r"bytes=[ \t]*(\d{0,30})-(\d{0,30})[ \t]*", re.ASCII | re.IGNORECASE)
UNSAFE = re.compile(r"[^A-Za-z0-9 ._()+-]")  # in a quoted file name, for every client there is
ATTR = "!#$&+-.^_`|~"  # RFC 5987, attr-char besides letters and digits


class Stream(StreamingResponse):
    """A response whose generator is closed when the client goes, and not when somebody collects it."""

    async def stream_response(self, send: Send) -> None:
        assert isinstance(self.body_iterator, AsyncGenerator)
        async with aclosing(self.body_iterator):
            await super().stream_response(send)


def no_file(render: Render, what: str) -> RequestError:
    """The error of a render that is over and has no `what`."""
    reason = f" ({render.error_message})" if render.error_message else ""
    return RequestError(
        f"there is no {what}, the render {_ENDS[render.status]}{reason}: submit it again", code="not_found"
    )


_ENDS = {"done": "is done and was cleared away", "failed": "failed", "cancelled": "was cancelled"}


async def stored_file(request: Request, storage: Storage, render: Render | Song, key: str, media_type: str) -> Response:
    """A key of storage as HTTP has files: all of it, a range, or the news that the client has it already."""
    suffix = Path(key).suffix
    size = await run_in_threadpool(storage.size, key)
    if size is None:
        raise _gone(render, key)
    tag = f'"{render.id}-{size:x}"'  # what lies under an id never changes
    headers = {
        **KEEP,
        **SAFE,
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": disposition(render.name, suffix),
    }
    if matches_tag(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(size)}, media_type=media_type)
    asked = request.headers.get("range") if request.headers.get("if-range", tag) == tag else None
    try:
        part = byte_range(asked, size)
    except ValueError:
        message = f"there are no such bytes: the file has {size}, counted from 0"
        return body(416, "bad_range", message, headers={"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"})
    start, stop = part or (0, size)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    readers = one(request, "readers", lambda: CapacityLimiter(READERS))
    try:
        pieces = await _opened(storage, key, start, stop, readers)
    except MissingKeyError:  # removed a moment ago
        raise _gone(render, key) from None
    return Stream(pieces, 206 if part else 200, headers, media_type)


def _gone(render: Render | Song, key: str) -> RequestError:
    if isinstance(render, Render):
        return no_file(render, Path(key).stem)
    return RequestError("this song was cleared away: upload it again", code="not_found")


async def _opened(storage: Storage, key: str, start: int, stop: int, readers: CapacityLimiter) -> AsyncGenerator[bytes]:
    """Bytes of a key, a piece in memory at a time; MissingKeyError now, while there can be another answer."""
    opened = await to_thread.run_sync(storage.open_range, key, start, stop, limiter=readers)
    pieces = cast("Generator[bytes, None, None]", opened)

    async def read() -> AsyncGenerator[bytes]:
        try:
            while piece := await to_thread.run_sync(next, pieces, b"", limiter=readers):
                yield piece
        finally:
            pieces.close()

    return read()


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first byte that a Range header wants of `size`, and one past the last.

    None where all are to be sent: no header, one that makes no sense, or several ranges, which nobody has to grant
    (RFC 9110, 14.2). ValueError where it wants what is not there.
    """
    match = RANGE.fullmatch(header or "")
    if not match or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, stop = max(0, size - int(match[2])), size
    else:
        start, stop = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= size:
        raise ValueError(header)
    return start, stop


def disposition(name: str, suffix: str) -> str:
    """Content-Disposition (RFC 6266) of what a browser shows, and saves under the name of the song."""
    printable = "".join(filter(str.isprintable, name.encode(errors="ignore").decode()))
    stem = (
        re.sub(r"\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,5}$", "", re.sub(r"[/\\]", "_", printable)).strip(" .")[:150]
        or "akma"
    )
    plain = UNSAFE.sub("_", unicodedata.normalize("NFKD", stem).encode("ascii", "replace").decode())
    value = f'inline; filename="{plain}{suffix}"'
    return value if plain == stem else f"{value}; filename*=UTF-8''{quote(stem, safe=ATTR)}{suffix}"


def matches_tag(header: str | None, tag: str) -> bool:
    """True where If-None-Match names the tag, weakly or not, or everything."""
    return header is not None and (header.strip() == "*" or tag in re.findall(r'"[^"]*"', header))


def preferred_type(request: Request, default: str, other: str) -> str:
    """The one of two types that the client would rather have; RequestError, code not_acceptable, where neither."""
    weights = dict.fromkeys((default, other), 0.0)
    offers = [part.split(";") for part in ",".join(request.headers.getlist("accept") or ["*/*"]).lower().split(",")]
    for vague in ("*/*", "image/*", "application/*", default, other):  # the exact decides, so it comes last
        for name, *parameters in offers:
            if name.strip() == vague:
                weight = next((text.strip()[2:] for text in parameters if text.strip().startswith("q=")), "1")
                for kind in weights:
                    if vague in ("*/*", f"{kind.partition('/')[0]}/*", kind):
                        weights[kind] = float(weight) if re.fullmatch(r"[01](\.\d{0,3})?", weight) else 1.0
    best = max(weights, key=lambda offer: weights[offer])  # the first of equals
    if not weights[best]:
        raise RequestError(f"Accept should allow {default} or {other}", code="not_acceptable", field="Accept")
    return best
