"""What is so now, of the service and of the node; and the table of all metrics in the docs."""

import platform
import re
import time
from pathlib import Path

import prometheus_client
import pytest

from akma_core import __version__, metrics
from akma_core.api import request_metrics
from akma_core.database import Caps, Database, Render
from akma_core.gauges import NodeFigures, exposition
from akma_core.status import STATUSES
from tests.support.metrics import documented, samples

CAPS = Caps(jobs=100, seconds=1e9, key=100)
NODE = NodeFigures(readers_queue=3, listeners=12, free_bytes={"home": 5_000_000_000})


def render(key: str, seconds: float = 3.0) -> Render:
    return Render(
        id=key,
        created=time.time(),
        owner="me",
        fingerprint="f",
        settings="{}",
        name="song.wav",
        audio=f"renders/{key}/audio.wav",
        seconds=seconds,
        frames=90,
        fps="30",
    )


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/akma.sqlite")


def test_an_empty_database(database: Database) -> None:
    found = samples(exposition(database, NODE))
    assert found["akma_database_up"] == 1
    assert {found[f"akma_renders,status={status}"] for status in STATUSES} == {0}
    assert found["akma_queue_length"] == found["akma_queue_seconds"] == 0


def test_renders_by_status_and_the_queue(database: Database) -> None:
    for key, seconds in (("a", 10.0), ("b", 20.5), ("c", 30.0), ("d", 40.0)):
        database.accept(render(key, seconds), CAPS)
    database.update("c", status="running")
    database.fail("d", "device_lost", "gone")
    found = samples(exposition(database, NODE))
    assert found["akma_renders,status=queued"] == 2
    assert found["akma_renders,status=running"] == found["akma_renders,status=failed"] == 1
    assert found["akma_renders,status=done"] == 0
    assert found["akma_queue_length"] == 2
    assert found["akma_queue_seconds"] == 60.5  # all that is to be rendered
    database.start("c", [45, 45])
    database.finish_segment("c", 0, "worker", [], rendered=True)
    assert samples(exposition(database, NODE))["akma_queue_seconds"] == 45.5
    assert 0 <= found["akma_queue_age_seconds"] < 60


def test_workers_that_live_by_their_kind(database: Database) -> None:
    for worker, profile in (("n-0", "cuda-h200"), ("n-1", "cuda-h200"), ("m-0", 'cpu "x"\n')):
        database.beat(worker, "1", profile, "d", 7)
    found = samples(exposition(database, NODE))
    assert found["akma_workers,profile=cuda-h200"] == 2
    assert found['akma_workers,profile=cpu "x"\n'] == 1


def test_without_a_database_the_node_still_tells_of_itself(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    database = Database(f"sqlite:///{folder}/akma.sqlite")
    database.close()
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert samples(exposition(database, NODE)) == {
        "akma_database_up": 0,
        f"akma_build_info,python={platform.python_version()},version={__version__}": 1,
        "akma_readers_queue_length": 3,
        "akma_listeners": 12,
        "akma_free_disk_bytes,folder=home": 5e9,
    }


def test_the_docs_name_every_metric_and_no_other(database: Database) -> None:
    metrics.declare()
    request_metrics.declare()
    text = prometheus_client.generate_latest().decode() + exposition(database, NODE)
    exported = dict(re.findall(r"^# TYPE (akma_\w+) (\w+)$", text, re.M))
    assert documented() == {name: kind for name, kind in exported.items() if not name.endswith("_created")}
