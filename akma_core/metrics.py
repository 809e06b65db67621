"""Prometheus metrics of what this process did; what is so now, of the service and the node, is in `gauges`.

prometheus_client is imported late: it decides at its import whether processes share their counts, by the variable
PROMETHEUS_MULTIPROC_DIR, which BentoML sets. Then /metrics of any process shows what all of them counted.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Literal

from akma_core.status import ENDED, Status

if TYPE_CHECKING:
    from prometheus_client import Counter, Histogram

STAGES = ("plan", "chunk", "network", "encode", "join", "upload")
JOBS = ("plan", "sound", "chunk", "join")
TRIES = ("done", "again", "failed", "stopped")
WEBHOOKS = ("delivered", "again", "failed")
RESCUED = ("job", "task", "render")
BUCKETS = tuple(base * 10**power for power in (-2, -1, 0, 1, 2, 3) for base in (1, 2.5, 5))  # seconds, 10 ms to 1.4 h


def declare() -> None:
    """Have every counter at 0: what is first heard of at 1 has no rate."""
    _meters()


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


def tried(job: str, outcome: str) -> None:
    """One of JOBS was tried, with an outcome of TRIES."""
    _meters().tries.labels(job=job, outcome=outcome).inc()


def rescued(what: Literal["job", "task", "render"], count: int = 1) -> None:
    """Taken up where a worker left it that died or went."""
    _meters().rescues.labels(what=what).inc(count)


def ended(status: Status, code: str | None = None) -> None:
    """A render ended; `code` as in the error of one that failed, one of a few words."""
    _meters().ended.labels(status=status).inc()
    if code is not None:
        _meters().failures.labels(code=code).inc()


def webhook(outcome: str) -> None:
    """A webhook was tried, with an outcome of WEBHOOKS."""
    _meters().webhooks.labels(outcome=outcome).inc()


@dataclass(frozen=True)
class _Meters:
    frames: "Counter"
    stages: "Histogram"
    tries: "Counter"
    rescues: "Counter"
    ended: "Counter"
    failures: "Counter"
    webhooks: "Counter"


def _meters() -> _Meters:
    """The metrics of this process, made when the first is counted; the default registry takes each only once."""
    with _lock:
        return _make()


@cache
def _make() -> _Meters:
    from prometheus_client import Counter, Histogram

    about = f"Seconds that a stage of a render took: {', '.join(STAGES)}; network and encode run side by side."
    tries = "Tries of a render's jobs, by outcome: done, to be made again, failed, stopped with the render or worker."
    rescues = "Jobs and tasks begun again after a worker that died, renders begun again after their version went."
    meters = _Meters(
        frames=Counter("akma_frames_rendered", "Frames rendered."),
        stages=Histogram("akma_stage_seconds", about, ["stage"], buckets=BUCKETS),
        tries=Counter("akma_job_tries", tries, ["job", "outcome"]),
        rescues=Counter("akma_rescues", rescues, ["what"]),
        ended=Counter("akma_renders_ended", "Renders that ended, by status.", ["status"]),
        failures=Counter("akma_failures", "Renders that failed, by the code of their error.", ["code"]),
        webhooks=Counter("akma_webhooks", "Tries of webhooks, by outcome.", ["outcome"]),
    )
    for job in JOBS:
        for outcome in TRIES:
            meters.tries.labels(job=job, outcome=outcome)
    for label, words, counter in (
        ("what", RESCUED, meters.rescues),
        ("status", ENDED, meters.ended),
        ("outcome", WEBHOOKS, meters.webhooks),
    ):
        for word in words:
            counter.labels(**{label: word})
    return meters


_lock = threading.Lock()
