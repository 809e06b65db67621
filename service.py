"""`bentoml serve`: the API, and a worker for each GPU (one on a CPU). Wiring only."""

import gc
import os
import threading
from typing import TYPE_CHECKING, Any, cast

os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")

import bentoml
import uvicorn.config
from starlette.types import ASGIApp, Receive, Scope, Send

from akma_core import log, log_records
from akma_core.api.app import create_app
from akma_core.api.auth import AccessMiddleware
from akma_core.api.prefix import PrefixMiddleware
from akma_core.api.request_metrics import RequestMetricsMiddleware
from akma_core.api.routes.health import check_health
from akma_core.api.studio import is_open
from akma_core.config import read_environment
from runners.process import device_count, end_with_parent, process_name, run

if TYPE_CHECKING:
    from runners.worker import Worker as Device

environment = read_environment()
log.configure(environment.log, node=environment.node, process=process_name(bentoml.server_context.worker_index))
log_records.take_over()
api = create_app(environment)
# BentoML lets uvicorn choose its protocol, by this name.
uvicorn.config.HTTP_PROTOCOLS["auto"] = "akma_core.api.connection_turns:ConnectionTurnsProtocol"
FOREVER = 366 * 86400.0  # seconds; BentoML's limit counts a slow upload as a slow answer


@bentoml.service(
    name="akma-worker",
    workers=device_count(environment.device),
    traffic={"timeout": FOREVER},
    logging={"access": {"enabled": False}},
)
class Worker:
    """One process, one device; it finds its work in the database, nobody calls it."""

    def __init__(self) -> None:
        self._device: Device | None = None
        index = (bentoml.server_context.worker_index or 1) - 1
        threading.Thread(target=self._start, args=(index,), name="start", daemon=True).start()

    def _start(self, index: int) -> None:
        self._device = run(environment, index)

    def __is_ready__(self) -> bool:
        return self._device is not None

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]
    def stop(self) -> None:
        if self._device:
            self._device.stop()
        os._exit(0)  # threads may still sit in work that is left to whoever comes next


@bentoml.service(
    name="akma",
    traffic={"timeout": FOREVER},
    http={"host": "127.0.0.1", "port": 3000},
    logging={"access": {"enabled": False}},
    # BentoML's own keep a series for every path that is asked for: akma_core.api.request_metrics has ours.
    metrics={"enabled": False},
)
@bentoml.asgi_app(api)
class Akma:
    """The API under /v1 and the studio, beside BentoML's own health and metrics."""

    if environment.role == "all":
        workers = bentoml.depends(Worker)

    def __init__(self) -> None:
        end_with_parent()
        # What is imported by now stays: to look through it for garbage takes 0.3 s, in which nothing is answered.
        gc.collect()
        gc.freeze()

    def __is_ready__(self) -> bool:
        return check_health(api.state.akma).status == "ready"


class Gate:
    """All of /v1 and the studio is the API's, what is not there too; the rest is BentoML's, for those it lets in.

    BentoML's own middlewares stand around it: a span for every event that is sent, and for every request a timer that
    lives on for FOREVER. Once the service has begun requests come here first.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._plain = PrefixMiddleware(self._choose, environment.root_path, trusted=environment.trust_proxy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Whose a path is can be seen only without what a proxy may have left before it.
        await self._plain(scope, receive, send)

    async def _choose(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp
        if scope["type"] == "lifespan":
            scope["app"].middleware_stack = self
            app = self._app
        elif scope["path"].startswith("/v1/") or is_open(scope["path"]):
            app = api
        else:
            app = RequestMetricsMiddleware(AccessMiddleware(self._app, api.state.akma.access))
        await app(scope, receive, send)


cast(Any, Akma).add_asgi_middleware(Gate)  # the decorator's type hides that it is a service now
