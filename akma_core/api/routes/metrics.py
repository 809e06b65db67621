"""GET /metrics: everything that this node counts, for Prometheus."""

import os

from fastapi import APIRouter, Response

from akma_core.api.dependencies import StateDep
from akma_core.metrics import exposition

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
def get_metrics(state: StateDep) -> Response:
    """Prometheus' text format: what the processes of this node counted, and what the database says of all of them."""
    import prometheus_client
    from prometheus_client import multiprocess

    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = prometheus_client.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry = prometheus_client.REGISTRY
    text = prometheus_client.generate_latest(registry).decode() + exposition(state.database)
    return Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)
