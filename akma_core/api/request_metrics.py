"""Requests counted by route, and one log line each.

BentoML's own request metrics are off: they keep a series for every path that anybody asks for, for ever.
"""

import threading
import time
from functools import cache
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from akma_core.log import event

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

SILENT = {"/v1/health", "/metrics", "/healthz", "/livez", "/readyz"}  # asked for every few seconds
METHODS = {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)  # seconds

_lock = threading.Lock()


class RequestMetricsMiddleware:
    """Pure ASGI: counts requests, and the seconds until their answers begin, by the route's pattern."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, seconds = time.monotonic(), 500, 0.0

        async def watched(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status, seconds = message["status"], time.monotonic() - began
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            pattern = getattr(scope.get("route"), "path", "other")
            requests, durations = _meters()
            requests.labels(method=method, route=pattern, status=str(status)).inc()
            durations.labels(route=pattern).observe(seconds)
            if SILENT.isdisjoint((pattern, scope["path"])):
                caller = scope.get("state", {}).get("caller")
                event(
                    "request",
                    method=method,
                    path=scope["path"][:200],
                    status=status,
                    seconds=round(seconds, 4),
                    caller=caller.name if caller else None,
                )


def declare() -> None:
    """Have the metrics of requests, before the first."""
    _meters()


def _meters() -> "tuple[Counter, Histogram]":
    with _lock:
        return _make()


@cache
def _make() -> "tuple[Counter, Histogram]":
    from prometheus_client import Counter, Histogram

    return (
        Counter("akma_http_requests", "Requests answered.", ["method", "route", "status"]),
        Histogram("akma_http_answer_seconds", "Seconds until an answer began.", ["route"], buckets=BUCKETS),
    )
