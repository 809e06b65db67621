"""Path under which a proxy shows the service, which every link begins with."""

import re
from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = re.compile(r"(/[A-Za-z0-9._~-]{1,64}){1,8}")
_prefix: ContextVar[str] = ContextVar("prefix", default="")


def prefix() -> str:
    """The prefix of the request that is being answered: "/akma", or "" where there is none."""
    return _prefix.get()


def is_prefix(text: str) -> bool:
    """True if it is a path that links may begin with: never "//host", never with "..", without a slash at its end."""
    return PREFIX.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))


class PrefixMiddleware:
    """Pure ASGI: `prefix()` is `root`, or X-Forwarded-Prefix where the proxy is trusted; a path is read without it."""

    def __init__(self, app: ASGIApp, root: str, *, trusted: bool) -> None:
        self.app, self.root, self.trusted = app, root, trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        found = self.root
        if self.trusted:
            told = Headers(scope=scope).get("x-forwarded-prefix", "").rstrip("/")
            found = told if is_prefix(told) else found
        # Some proxies take the prefix off the path, some leave it.
        if found and f"{scope['path']}/".startswith(f"{found}/"):
            cut = {"path": scope["path"][len(found) :] or "/"}
            if (scope.get("raw_path", b"") + b"/").startswith(f"{found}/".encode()):
                cut["raw_path"] = scope["raw_path"][len(found) :] or b"/"
            scope = {**scope, **cut}
        token = _prefix.set(found)
        try:
            await self.app(scope, receive, send)
        finally:
            _prefix.reset(token)
