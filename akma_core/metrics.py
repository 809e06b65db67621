"""Prometheus metrics: of the whole service from the database, and of this process' own work.

prometheus_client is imported late: it decides at its import whether processes share their counts, by the variable
PROMETHEUS_MULTIPROC_DIR, which BentoML sets. Then /metrics of any process shows what all of them counted.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING

from akma_core.database import Database, Row
from akma_core.errors import FailureError
from akma_core.status import STATUSES

if TYPE_CHECKING:
    import prometheus_client
    from prometheus_client.metrics_core import Metric

STAGES = ("plan", "chunk", "network", "encode", "join", "upload")
UP = "1 where the database answers, 0 where it does not."
BUCKETS = tuple(base * 10**power for power in (-2, -1, 0, 1, 2, 3) for base in (1, 2.5, 5))  # seconds, 10 ms to 1.4 h


def frames(count: int) -> None:
    """So many frames were rendered."""
    _meters().frames.inc(count)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Time a block as one of STAGES, whether it ends well or not."""
    began = monotonic()
    try:
        yield
    finally:
        _meters().stages.labels(stage=name).observe(monotonic() - began)


def failure(code: str) -> None:
    """A render failed; `code` as in the error, one of a few words."""
    _meters().failures.labels(code=code).inc()


def webhook(outcome: str) -> None:
    """A webhook was tried: it was delivered, failed for good, or is to be tried again."""
    _meters().webhooks.labels(outcome=outcome).inc()


def exposition(database: Database) -> str:
    """Metrics of the database in Prometheus' text format; a few small queries.

    Without an answer from the database only akma_ledger_up 0: the other metrics of the process are worth having then.
    """
    import prometheus_client

    registry = prometheus_client.CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(database))
    return prometheus_client.generate_latest(registry).decode()


@dataclass(frozen=True)
class _Meters:
    frames: "prometheus_client.Counter"
    stages: "prometheus_client.Histogram"
    failures: "prometheus_client.Counter"
    webhooks: "prometheus_client.Counter"


def _meters() -> _Meters:
    """The metrics of this process, made when the first is counted; the default registry takes each only once."""
    with _lock:
        return _make()


@cache
def _make() -> _Meters:
    from prometheus_client import Counter, Histogram

    about = f"Seconds that a stage of a render took: {', '.join(STAGES)}; network and encode run side by side."
    return _Meters(
        Counter("akma_frames_rendered", "Frames rendered."),
        Histogram("akma_stage_seconds", about, ["stage"], buckets=BUCKETS),
        Counter("akma_failures", "Renders that failed, by the code of their error.", ["code"]),
        Counter("akma_webhooks", "Tries of webhooks: delivered, failed for good, or to be made again.", ["outcome"]),
    )


_lock = threading.Lock()


class _Snapshot:
    """A collector of what the database says now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        try:
            counts, workers = self._database.counts(), self._database.workers()
            left, waited = self._database.backlog()
        except FailureError:
            yield GaugeMetricFamily("akma_ledger_up", UP, value=0)
            return
        yield GaugeMetricFamily("akma_ledger_up", UP, value=1)
        renders = GaugeMetricFamily("akma_renders", "Renders that are kept, by status.", labels=["status"])
        for status in STATUSES:
            renders.add_metric([status], counts.get(status, (0, 0.0))[0])
        yield renders
        length, _ = counts.get("queued", (0, 0.0))
        yield GaugeMetricFamily("akma_queue_length", "Renders that wait for their turn.", value=length)
        yield GaugeMetricFamily("akma_queue_seconds", "Seconds of video that are not rendered yet.", value=left)
        yield GaugeMetricFamily("akma_queue_age_seconds", "Seconds that the oldest of the queue waits.", value=waited)
        yield self._alive(workers)

    @staticmethod
    def _alive(workers: list[Row]) -> "Metric":
        from prometheus_client.core import GaugeMetricFamily

        alive = GaugeMetricFamily(
            "akma_workers", "Workers heard of in the last 10 seconds, by kind of device.", labels=["profile"]
        )
        for profile, count in sorted(Counter(worker["profile"] for worker in workers).items()):
            alive.add_metric([profile], count)
        return alive
