"""Counts of processes that ended stay what they are, in as many files as if there had been one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from akma_core.metric_files import fold
from tests.support.metrics import samples

WORK = """
import sys
from akma_core import metrics
metrics.frames(30)
with metrics.stage("join"):
    pass
metrics.ended("done")
print("counted", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    folder = tmp_path / "metrics"
    folder.mkdir()
    return folder


def begin(folder: Path) -> subprocess.Popen[str]:
    """A process that has counted and lives until its input ends."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-c", WORK], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "counted\n"
    return process


def shown(folder: Path) -> dict[str, float]:
    """The text of /metrics."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    return samples(generate_latest(registry).decode())


def test_what_ended_is_folded_and_nothing_is_lost_or_counted_twice(counts: Path) -> None:
    fold(counts)  # nothing yet
    lives, *ends = [begin(counts) for _ in range(3)]
    for process in ends:
        process.kill()
        process.communicate()
    before = shown(counts)
    assert before["akma_frames_rendered_total"] == 90
    assert before["akma_stage_seconds_count,stage=join"] == 3
    for _ in range(2):
        fold(counts)
        # The sum of seconds is added up in another order.
        assert shown(counts) == pytest.approx(before, rel=1e-12)
    kept = {"counter_0.db", "histogram_0.db", f"counter_{lives.pid}.db", f"histogram_{lives.pid}.db"}
    assert {path.name for path in counts.iterdir()} == kept
    lives.communicate()
    fold(counts)
    assert shown(counts) == pytest.approx(before, rel=1e-12)
    assert {path.name for path in counts.iterdir()} == {"counter_0.db", "histogram_0.db"}
