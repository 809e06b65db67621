"""HEAD wherever GET is: the same answer without its body."""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Routes that answer HEAD themselves, without reading.
OWN = re.compile(r"/v1/(renders/[^/]+/(video|manifest|poster\.jpg)|songs/[^/]+/audio)")


class HeadMiddleware:
    """Pure ASGI: asks the app to GET, and ends the answer where its body begins."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD" or OWN.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        over = False

        async def headers_only(message: Message) -> None:
            nonlocal over
            if message["type"] != "http.response.body":
                await send(message)
                return
            if not over:
                over = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            if message.get("more_body"):
                raise OSError("HEAD wants no body")  # what ends a stream, as a client does that goes

        # By this version of ASGI an OSError while sending is a client that went.
        asgi = {**scope.get("asgi", {}), "spec_version": "2.4"}
        await self.app({**scope, "method": "GET", "asgi": asgi}, receive, headers_only)
