"""Requests counted by route, and GET /metrics with everything that this node counts.

BentoML's own request metrics are off: they keep a series for every path that anybody asks for, for ever.
"""

import os
import threading
import time
from functools import cache
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from akma_core.api.state import state_of
from akma_core.metrics import exposition

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

METHODS = {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)  # seconds

router = APIRouter(include_in_schema=False)
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


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Prometheus' text format: what the processes of this node counted, and what the database says of all of them."""
    import prometheus_client
    from prometheus_client import multiprocess

    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = prometheus_client.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = prometheus_client.REGISTRY
    text = prometheus_client.generate_latest(registry).decode() + exposition(state_of(request).database)
    return Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)


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
