"""Metrics of what is so now, in Prometheus' text format: of the whole service from its database, and of this node."""

import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from akma_core import __version__
from akma_core.database import Database, Row
from akma_core.errors import FailureError
from akma_core.status import STATUSES

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

UP = "1 where the database answers, 0 where it does not."


@dataclass(frozen=True)
class NodeFigures:
    """Figures that a node's API gives of itself."""

    readers_queue: int
    """songs that wait for a reader"""
    listeners: int
    """event streams that are open"""
    free_bytes: Mapping[str, int]
    """of the disks of AKMA_HOME ("home") and of a storage that is a folder ("storage")"""


def exposition(database: Database, node: NodeFigures) -> str:
    """The text; a few small queries.

    Without an answer from the database only akma_database_up 0 of it: the other metrics are worth having then.
    """
    import prometheus_client

    registry = prometheus_client.CollectorRegistry(auto_describe=False)
    registry.register(_OfDatabase(database))
    registry.register(_OfNode(node))
    return prometheus_client.generate_latest(registry).decode()


class _OfNode:
    """A collector of what a node says."""

    def __init__(self, node: NodeFigures) -> None:
        self._node = node

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        built = GaugeMetricFamily(
            "akma_build_info", "Always 1; the labels say what runs.", labels=["version", "python"]
        )
        built.add_metric([__version__, platform.python_version()], 1)
        yield built
        waiting, about = self._node.readers_queue, "Songs that wait for a reader on this node."
        yield GaugeMetricFamily("akma_readers_queue_length", about, value=waiting)
        yield GaugeMetricFamily("akma_listeners", "Event streams open on this node.", value=self._node.listeners)
        about = "Bytes free on the disk of AKMA_HOME, and of a storage that is a folder."
        free = GaugeMetricFamily("akma_free_disk_bytes", about, labels=["folder"])
        for folder, count in self._node.free_bytes.items():
            free.add_metric([folder], count)
        yield free


class _OfDatabase:
    """A collector of what the database says now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import GaugeMetricFamily

        try:
            counts, workers = self._database.counts(), self._database.workers()
            left, waited = self._database.backlog()
        except FailureError:
            yield GaugeMetricFamily("akma_database_up", UP, value=0)
            return
        yield GaugeMetricFamily("akma_database_up", UP, value=1)
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
