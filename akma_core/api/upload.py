"""A form with one file, streamed to a folder: memory stays constant and nothing that a client says becomes a path.

After an error, a client that goes away, or a request that is cancelled nothing is left on the disk.
"""

import asyncio
import hashlib
import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

from akma_core.api.multipart import CURVE, UNFIT, FormParser, Limits, too_large
from akma_core.errors import FailureError, RequestError
from akma_core.files import FULL

BLOCK = 1 << 20  # bytes that go to the disk at once
MAX_NAME = 200  # characters
LISTS = ("seeds", "times")  # of a preview: empty they are a mistake
MAX_DEPTH = 8  # of the settings field; settings themselves need 2
SUFFIXES = {"aac", "aif", "aifc", "aiff", "au", "avi", "caf", "flac", "m4a", "m4v", "mka", "mkv", "mov", "mp2", "mp3"}
SUFFIXES |= {"mp4", "oga", "ogg", "opus", "rf64", "snd", "w64", "wav", "wave", "webm", "wma"}


@dataclass(frozen=True)
class Received:
    """A form that arrived whole. Leaving the context, or close(), removes the file."""

    path: Path
    """the file, under a random name"""
    name: str
    """base name that the client gave, 1 to 200 printable characters: to show, never to open"""
    size: int
    """bytes, 1 or more"""
    sha256: str
    """of the file, lower-case hex"""
    fields: dict[str, str]
    """text fields in the order of the form"""
    key: str | None = None
    """in storage, of a song that is kept there already"""

    def close(self) -> None:
        self.path.unlink(missing_ok=True)

    def __enter__(self) -> "Received":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


async def receive(
    request: Request,
    folder: Path,
    file_field: str,
    limits: Limits | None = None,
    suffixes: Collection[str] = SUFFIXES,
    instead: str | None = None,
) -> Received:
    """Read multipart/form-data whose one file is in `file_field` into a new file in `folder`, which exists.

    `instead`: a field that may stand in for the file, which is empty then.
    The file's suffix is the client's if it is one of `suffixes`. RequestError, code bad_body, too_large,
    unsupported_type, incomplete_upload (broken off) or upload_stalled; FailureError, code disk_full or write_failed.
    """
    limits = limits or Limits()
    form = FormParser(request.headers, file_field, limits)
    _check_length(request.headers, folder, limits)
    spool = _Spool(folder / secrets.token_hex(16), limits.reserve_bytes)
    try:
        async for chunk in _chunks(request, limits):
            form.feed(chunk)
            if len(form.block) >= BLOCK:
                await run_in_threadpool(spool.write, form.take())
        form.check_whole(instead)
        await run_in_threadpool(spool.write, form.take())
        path = await run_in_threadpool(spool.keep, _suffix(form.file_name or "", suffixes))
    except BaseException:  # of whatever kind: a cancelled request leaves nothing either
        spool.discard()
        raise
    return Received(path, _shown(form.file_name or "") or file_field, form.size, spool.digest.hexdigest(), form.fields)


def fields_of(received: Received) -> dict[str, Any]:
    """The text fields, with what is in a `settings` field of JSON beside them; RequestError, code bad_setting.

    An empty field is one left out: that is how pages send what nobody filled in. Fields curve_NAME are `curves`.
    """
    fields: dict[str, Any] = {name: value for name, value in received.fields.items() if value or name in LISTS}
    curves = {name: value for name, value in received.fields.items() if name.startswith(CURVE)}
    if curves:
        fields = {name: value for name, value in fields.items() if name not in curves}
        fields = merged(fields, {"curves": {name.removeprefix(CURVE): value for name, value in curves.items()}})
    text = fields.pop("settings", None)
    if text is None:
        return fields
    return merged(fields, parse_object(text))


def merged(fields: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Fields and settings together; RequestError for what is in both."""
    if twice := sorted(fields.keys() & settings.keys()):
        message = f"{twice[0]} is given twice, by itself and in settings: give one of them"
        raise RequestError(message, code="bad_setting", field=twice[0])
    return fields | settings


class _Spool:
    """The file on the disk. Methods run in threads; the lock is for a cancelled request, whose thread goes on."""

    def __init__(self, path: Path, reserve: int) -> None:
        self.digest = hashlib.sha256()
        self._path, self._reserve = path, reserve
        self._file: BinaryIO | None = None
        self._gone = False
        self._lock = threading.Lock()

    def write(self, block: bytearray) -> None:
        with self._lock:
            if self._gone:
                return
            try:
                self._file = self._file or self._path.open("xb")
                _check_room(self._path.parent, len(block), self._reserve)
                self._file.write(block)
                self._file.flush()
            except OSError as error:
                if error.errno in FULL:
                    raise _full() from error
                message = f"the server cannot store the upload ({error.strerror}): tell its administrator"
                raise FailureError(message, code="write_failed") from error
            self.digest.update(block)

    def keep(self, suffix: str) -> Path:
        with self._lock:
            if self._file is not None and not self._gone:
                self._file.close()
                self._path = self._path.rename(self._path.with_suffix(suffix))
            return self._path

    def discard(self) -> None:
        with self._lock:
            self._gone = True
            if self._file is not None:
                with suppress(OSError):  # what a full disk did not take is tried once more
                    self._file.close()
                self._path.unlink(missing_ok=True)


async def _chunks(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    """The body as it comes; RequestError where it stops, breaks off or drips."""
    stream, size, began = request.stream(), 0, time.monotonic()
    while True:
        try:
            async with asyncio.timeout(limits.idle_seconds):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except ClientDisconnect:
            raise RequestError("the upload broke off: send it again", code="incomplete_upload") from None
        except TimeoutError:
            message = f"nothing came for {limits.idle_seconds:g} seconds: send the form again without pauses"
            raise RequestError(message, code="upload_stalled") from None
        yield chunk
        size += len(chunk)
        seconds = time.monotonic() - began
        if seconds > limits.grace_seconds and size < limits.least_rate * seconds:
            message = (
                f"the upload is slower than {limits.least_rate:g} bytes a second: send it over a faster connection"
            )
            raise RequestError(message, code="upload_stalled")


def _check_length(headers: Headers, folder: Path, limits: Limits) -> None:
    """Refuses what will not fit before a byte of it is read."""
    text = headers.get("content-length", "")
    length = int(text) if re.fullmatch(r"[0-9]{1,18}", text) else 0  # in chunks, and counted as they come
    if length > limits.file_bytes + limits.form_bytes:
        raise too_large("the upload", limits.file_bytes)
    _check_room(folder, length, limits.reserve_bytes)


def _check_room(folder: Path, size: int, reserve: int) -> None:
    if shutil.disk_usage(folder).free < size + reserve:
        raise _full()


def parse_object(text: str, subject: str = "settings", verb: str = "are") -> dict[str, Any]:
    """The object that a settings field holds; RequestError where it is none, or what no setting could be."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError):
            reason = f"{error.msg} at character {error.pos + 1}"
        else:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:100]
        raise _bad_settings(f"{subject} {verb} no JSON ({reason})") from None
    if not isinstance(value, dict):
        raise _bad_settings(f"{subject} should be a JSON object")
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
        if any(isinstance(item, str) and UNFIT.search(item) for item in level):
            raise _bad_settings(f"{subject} {verb} with a character that is none (NUL or half a surrogate pair)")
        if not level:
            return value
    raise _bad_settings(f"{subject} {verb} nested too deeply")


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return [*item.keys(), *item.values()]
    return item if isinstance(item, list) else ()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _shown(name: str) -> str:
    """The base name of a client's file, in printable characters; empty where it has none."""
    base = re.split(r"[/\\]", "".join(filter(str.isprintable, name)))[-1].strip()[:MAX_NAME]
    return "" if base in {".", ".."} else base


def _suffix(name: str, suffixes: Collection[str]) -> str:
    _, dot, suffix = name.lower().rpartition(".")
    return dot + suffix if dot and re.fullmatch("[a-z0-9]{1,5}", suffix) and suffix in suffixes else ""


def _bad_settings(what: str) -> RequestError:
    return RequestError(f'{what}: send one like {{"fps": 30}}', code="bad_setting", field="settings")


def _full() -> FailureError:
    return FailureError("the server's disk has no room for this upload: try again later", code="disk_full")
