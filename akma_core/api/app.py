"""The app: routes under /v1, who may use them, how they fail, and their documentation, which needs no network."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from akma_core import __version__
from akma_core import metrics as counters
from akma_core.api import errors, request_metrics
from akma_core.api.auth import AccessMiddleware
from akma_core.api.head import HeadMiddleware
from akma_core.api.openapi import ERRORS
from akma_core.api.prefix import PrefixMiddleware, prefix
from akma_core.api.routes import (
    analysis,
    estimate,
    events,
    files,
    health,
    hls,
    metrics,
    models,
    presets,
    preview,
    renders,
    seeds,
    settings,
    song_previews,
    songs,
    webhooks,
)
from akma_core.api.state import open_state
from akma_core.api.studio import add_studio, is_open
from akma_core.config import Environment

DOCS, ASSETS, SCHEMA = "/v1/docs", "/v1/docs/assets", "/v1/openapi.json"
OPEN = {"/v1", "/v1/health", DOCS, SCHEMA}  # tell nothing of anybody's renders
ALL_ROUTES = (
    *(renders, estimate, events, files, hls, songs, webhooks, analysis, song_previews),
    *(models, seeds, presets, settings, preview, health, metrics),
)
ROUTERS = [each.router for each in ALL_ROUTES]
SWITCH = 0.0005  # seconds a thread keeps the interpreter while others wait; Python's 5 ms add up at 200 clients
RANGES = ("Range", "If-Range", "If-None-Match")
ABOUT = "A song becomes a video whose motion is the song's loudness."


def create_app(environment: Environment) -> FastAPI:
    """The app, to be served as it is or mounted: it connects when its lifespan begins, and not before."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        sys.setswitchinterval(SWITCH)
        counters.declare()
        request_metrics.declare()
        app.state.akma = state = await run_in_threadpool(open_state, environment)
        try:
            yield
        finally:
            await run_in_threadpool(state.close)

    app = FastAPI(
        title="AKMA",
        version=__version__,
        description=ABOUT,
        openapi_url=SCHEMA,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
        responses=ERRORS,
    )
    for router in ROUTERS:
        app.include_router(router)
    _add_docs(app)
    _add_security(app)
    add_studio(app)
    app.add_middleware(NotStartedMiddleware)
    errors.install(app)
    if environment.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=environment.cors_origins,
            allow_methods=["GET", "HEAD", "POST", "DELETE"],
            allow_headers=["Authorization", "X-API-Key", "Idempotency-Key", *RANGES, "Last-Event-ID"],
            expose_headers=["Location", "Retry-After", "ETag", "Content-Range", "Content-Disposition"],
        )
    app.add_middleware(HeadMiddleware)
    app.add_middleware(request_metrics.RequestMetricsMiddleware)
    app.add_middleware(PrefixMiddleware, root=environment.root_path, trusted=environment.trust_proxy)
    return app


class NotStartedMiddleware:
    """Pure ASGI: lets in whom the app's Authenticator lets in, which is known once its lifespan has begun."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        open_to_all = scope["type"] == "lifespan" or path in OPEN or path.startswith(f"{ASSETS}/") or is_open(path)
        app = self.app if open_to_all else AccessMiddleware(self.app, scope["app"].state.akma.access)
        await app(scope, receive, send)


def _add_security(app: FastAPI) -> None:
    """Tell OpenAPI of the keys, so that the docs page has a button for them."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        schema = described()
        schema.setdefault("components", {})["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "an API key's secret"},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        schema["security"] = [{"bearer": []}, {"key": []}, {}]
        return {**schema, "servers": [{"url": prefix()}]} if prefix() else schema

    app.openapi = openapi  # type: ignore[method-assign]

    @app.get("/v1", include_in_schema=False)
    def index() -> dict[str, str]:
        links = {"docs": DOCS, "openapi": SCHEMA, "renders": "/v1/renders"}
        return {"name": "AKMA", "version": __version__, **{name: prefix() + path for name, path in links.items()}}


def _add_docs(app: FastAPI) -> None:
    """A page that tries the routes out, from what BentoML's wheel carries."""
    spec = find_spec("bentoml")
    assets = Path(spec.origin).parent / "_internal/server/static_content" if spec and spec.origin else None
    if assets is None or not assets.is_dir():
        return
    app.mount(ASSETS, StaticFiles(directory=assets), name="assets")

    @app.get(DOCS, include_in_schema=False)
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url=prefix() + SCHEMA,
            title="AKMA",
            swagger_js_url=f"{prefix()}{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{prefix()}{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{prefix()}{ASSETS}/favicon-light-32x32.png",
            swagger_ui_parameters={"validatorUrl": None},  # whose badge would come from another host
        )
