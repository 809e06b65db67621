"""GET /metrics: everything that this node counts, for Prometheus."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from akma_core.api.dependencies import StateDep
from akma_core.api.listeners import listeners_of
from akma_core.api.state import State
from akma_core.gauges import NodeFigures, exposition
from akma_core.metric_files import fold
from akma_core.storage import FileStorage

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
async def get_metrics(request: Request, state: StateDep) -> Response:
    """Prometheus' text format: what the processes of this node counted, and what the database says of all of them."""
    import prometheus_client

    queue, listeners = state.probe.queue.waiting, listeners_of(request, state).count
    text = await run_in_threadpool(_text, state, queue, listeners)
    return Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)


def _text(state: State, readers_queue: int, listeners: int) -> str:
    import prometheus_client
    from prometheus_client import multiprocess

    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        fold(Path(folder))
        registry = prometheus_client.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = prometheus_client.REGISTRY
    figures = NodeFigures(readers_queue, listeners, _free_bytes(state))
    return prometheus_client.generate_latest(registry).decode() + exposition(state.database, figures)


def _free_bytes(state: State) -> dict[str, int]:
    """Of the disks that this node writes to; one that cannot be asked is left out."""
    folders: dict[str, Path] = {"home": state.environment.home}
    if isinstance(state.storage, FileStorage):
        folders["storage"] = state.storage.root
    free = {}
    for name, folder in folders.items():
        with suppress(OSError):
            free[name] = shutil.disk_usage(folder).free
    return free
