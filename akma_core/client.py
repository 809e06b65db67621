"""Renders of a service elsewhere: submitted, followed and fetched over HTTP, through connections that break."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import h11
import httpx

from akma_core.errors import AkmaError, FailureError, RequestError
from akma_core.files import sync, writing
from akma_core.status import ENDED, STATUSES

RETRY_FOR = 120.0  # seconds that a server which has answered before may be away: it may be starting again
PAUSES = (0.2, 0.5, 1.0, 2.0)  # seconds between two attempts; the last one from then on
POLL = 2.0  # seconds between two looks where events do not come through
SILENCE = 40.0  # seconds without a byte of events, of which there is one every 15
CHECKED = 600.0  # seconds until a song that was sent is checked, kept and accepted
MAX_MANIFEST = 64 << 20  # bytes
TRANSIENT = {502, 503, 504}  # what a service that starts, or a proxy before it, answers

State = dict[str, Any]
"""The JSON of GET /v1/renders/{id}."""


class Client:
    """One server; the key goes into a header and nowhere else. To be closed, or used as a context.

    Methods raise RequestError where the server refuses (4xx), in its words, and FailureError where it fails, does not
    answer for RETRY_FOR seconds, or was not there in the first place.
    """

    def __init__(self, server: str, key: str | None = None) -> None:
        """`server`: http(s)://host[:port][/path]. RequestError where that or the key cannot be."""
        try:
            url = httpx.URL(server)
        except httpx.InvalidURL:
            url = httpx.URL("")
        if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment or url.userinfo:
            message = f"server {server[:100]!a} is no address: write http://127.0.0.1:3000 or https://host"
            raise RequestError(message, code="bad_server", field="server")
        if key is not None and not (key.isascii() and key.isprintable() and key.strip()):
            raise RequestError("the API key has characters that keys have not", code="bad_key", field="key")
        self._url = str(url).rstrip("/")
        self._reached = False
        self._heard = 0.0  # when anything came last
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._http = httpx.Client(headers=headers, timeout=httpx.Timeout(30, connect=10))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def submit(self, audio: Path, fields: dict[str, str], key: str) -> State:
        """Send the song and settings as form fields; memory does not grow with the song.

        `key`: Idempotency-Key, so that what is sent again because an answer was lost is no second render.
        """

        def send() -> httpx.Response:
            try:
                with audio.open("rb") as file:
                    name = audio.name.encode(errors="replace").decode()
                    return self._http.post(
                        f"{self._url}/v1/renders",
                        data=fields,
                        files={"audio": (name, file)},
                        headers={"Idempotency-Key": key},
                        timeout=httpx.Timeout(60, connect=10, read=CHECKED),
                    )
            except OSError as error:
                raise RequestError(f"cannot read {audio}: {error.strerror}", field="audio") from None
            except (httpx.LocalProtocolError, h11.LocalProtocolError):  # not as many bytes as were announced
                raise RequestError(f"{audio} changed while it was sent: submit it again", field="audio") from None

        return _state(self._patiently(send))

    def get(self, render_id: str) -> State:
        """A render as it is now."""
        return _state(self._patiently(lambda: self._http.get(self._path(render_id))))

    def cancel(self, render_id: str) -> None:
        """Cancel a render; one that is over already stays as it is."""
        answer = self._http.delete(self._path(render_id), params={"only_cancel": "true"})
        if not answer.is_success and answer.status_code != 409:
            raise _error(answer)

    def follow(self, render_id: str) -> Iterator[State]:
        """A render each time that something changed; the last one is over."""
        deaf, state = 0, State()  # streams in a row that told nothing
        while True:
            if deaf < len(PAUSES):
                heard = False
                with suppress(httpx.TransportError, ValueError):
                    for event in self._events(render_id):
                        heard = True
                        state = state | event  # later events have no settings and links
                        yield state
                        if state["status"] in ENDED:
                            return
                deaf = 0 if heard else deaf + 1
            state = self.get(render_id)
            yield state
            if state["status"] in ENDED:
                return
            time.sleep(PAUSES[deaf] if deaf < len(PAUSES) else POLL)

    def manifest(self, render_id: str) -> bytes:
        """The manifest of a render that is done."""
        answer = self._patiently(lambda: self._http.get(self._path(render_id, "/manifest"), follow_redirects=True))
        if len(answer.content) > MAX_MANIFEST:
            raise FailureError(f"{self._url} sent a manifest that is too large", code="bad_answer")
        return answer.content

    def fetch(self, render_id: str, path: Path, size: int, sha256: str) -> None:
        """Make the file at `path` of a render's video, `size` bytes with that digest; goes on where it broke off.

        FailureError where other bytes come, or the disk does not take them; then there may be part of a file.
        """
        with writing(path), path.open("wb") as file:
            have, tag, digest = 0, "", hashlib.sha256()

            def receive() -> httpx.Response:
                nonlocal have, tag, digest
                headers = {"Range": f"bytes={have}-", "If-Range": tag} if have and tag else {}
                url = self._path(render_id, "/video")
                with self._http.stream("GET", url, headers=headers, follow_redirects=True) as answer:
                    if not answer.is_success:
                        answer.read()
                        return answer
                    if answer.status_code != 206:
                        file.seek(0)
                        file.truncate()
                        have, digest = 0, hashlib.sha256()
                    tag = answer.headers.get("etag", "")
                    for block in answer.iter_raw():
                        file.write(block)
                        digest.update(block)
                        have += len(block)
                        self._heard = time.monotonic()
                    return answer

            self._patiently(receive)
        if have != size or digest.hexdigest() != sha256:
            raise FailureError("the video that came is not the one of its manifest: try again", code="bad_answer")
        with writing(path):
            sync(path)

    def _events(self, render_id: str) -> Iterator[State]:
        """Follow the server's events; ends, or raises TransportError or ValueError, where it does not."""
        timeout = httpx.Timeout(30, connect=10, read=SILENCE)
        with self._http.stream("GET", self._path(render_id, "/events"), timeout=timeout) as answer:
            if answer.status_code != 200 or not answer.headers["content-type"].startswith("text/event-stream"):
                raise ValueError(answer.status_code)
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))

    def _patiently(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """The answer of `send`, called again while the connection breaks or the server starts."""
        self._heard, attempt = time.monotonic(), 0
        while True:
            try:
                answer = send()
                self._reached = True
                if answer.is_success:
                    return answer
                error = _error(answer)
                if answer.status_code not in TRANSIENT:
                    raise error
            except httpx.TransportError as broken:
                reason = " ".join(str(broken).split()) or type(broken).__name__
                error = FailureError(
                    f"{self._url} does not answer ({reason}): look whether it runs, or mend --server",
                    code="unreachable",
                )
                if not self._reached and isinstance(broken, httpx.ConnectError | httpx.ConnectTimeout):
                    raise error from None
            if time.monotonic() - self._heard > RETRY_FOR:
                raise error
            time.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1

    def _path(self, render_id: str, what: str = "") -> str:
        return f"{self._url}/v1/renders/{render_id}{what}"


def _state(answer: httpx.Response) -> State:
    try:
        state = answer.json()
        if state["status"] in STATUSES and state["id"].isalnum():
            return dict(state)
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise FailureError(f"{answer.url.host} does not answer as AKMA does: mend --server", code="bad_answer")


def _error(answer: httpx.Response) -> AkmaError:
    """The server's own line, or one about an answer that is none."""
    status, host = answer.status_code, answer.url.host
    kind = RequestError if status < 500 else FailureError
    if answer.is_redirect:
        place = answer.headers.get("location", "")[:200]
        return kind(f"{host} sends us on to {place!a}: give that as --server", code="moved")
    try:
        told = answer.json()["error"]
        message = "".join(filter(str.isprintable, told["message"]))
        return kind(message, code=str(told["code"]), field=told.get("field"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return kind(f"{host} answers with HTTP {status}, and not as AKMA does: mend --server", code="bad_answer")
