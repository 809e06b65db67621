import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from akma_core import metrics
from akma_core.database import Caps, Database, Render
from akma_core.status import STATUSES

CAPS = Caps(jobs=100, seconds=1e9, key=100)


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


def samples(text: str) -> dict[str, float]:
    """Every sample by its name and labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            found[sample.name + "".join(f",{key}={value}" for key, value in sample.labels.items())] = sample.value
    return found


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/akma.sqlite")


def test_an_empty_ledger(database: Database) -> None:
    found = samples(metrics.exposition(database))
    assert found["akma_ledger_up"] == 1
    assert {found[f"akma_renders,status={status}"] for status in STATUSES} == {0}
    assert found["akma_queue_length"] == found["akma_queue_seconds"] == 0


def test_renders_by_status_and_the_queue(database: Database) -> None:
    for key, seconds in (("a", 10.0), ("b", 20.5), ("c", 30.0), ("d", 40.0)):
        database.accept(render(key, seconds), CAPS)
    database.update("c", status="running")
    database.fail("d", "device_lost", "gone")
    found = samples(metrics.exposition(database))
    assert found["akma_renders,status=queued"] == 2
    assert found["akma_renders,status=running"] == found["akma_renders,status=failed"] == 1
    assert found["akma_renders,status=done"] == 0
    assert found["akma_queue_length"] == 2
    assert found["akma_queue_seconds"] == 60.5  # all that is to be rendered
    database.start("c", [45, 45])
    database.finish_segment("c", 0, "worker", [], rendered=True)
    assert samples(metrics.exposition(database))["akma_queue_seconds"] == 45.5
    assert 0 <= found["akma_queue_age_seconds"] < 60


def test_workers_that_live_by_their_kind(database: Database) -> None:
    for worker, profile in (("n-0", "cuda-h200"), ("n-1", "cuda-h200"), ("m-0", 'cpu "x"\n')):
        database.beat(worker, "1", profile, "d", 7)
    found = samples(metrics.exposition(database))
    assert found["akma_workers,profile=cuda-h200"] == 2
    assert found['akma_workers,profile=cpu "x"\n'] == 1


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    database = Database(f"sqlite:///{folder}/akma.sqlite")
    database.close()
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert samples(metrics.exposition(database)) == {"akma_ledger_up": 0}


def test_the_module_alone_does_not_import_prometheus() -> None:
    code = "import sys, akma_core.metrics; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


WORK = """
from akma_core import metrics
metrics.frames(30)
metrics.frames(12)
for name in metrics.STAGES:
    with metrics.stage(name):
        pass
try:
    with metrics.stage("join"):
        raise ValueError
except ValueError:
    pass
metrics.failure("device_lost")
"""


def test_any_process_shows_what_all_of_them_counted(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    workers = [subprocess.Popen([sys.executable, "-c", WORK], env=environment) for _ in range(2)]
    assert [worker.wait(30) for worker in workers] == [0, 0]
    show = (
        "from prometheus_client import CollectorRegistry, generate_latest, multiprocess\n"
        "registry = CollectorRegistry()\n"
        "multiprocess.MultiProcessCollector(registry)\n"
        "print(generate_latest(registry).decode())"
    )
    done = subprocess.run([sys.executable, "-c", show], env=environment, capture_output=True, text=True, check=True)
    found = samples(done.stdout)
    assert found["akma_frames_rendered_total"] == 84
    assert found["akma_stage_seconds_count,stage=join"] == 4
    assert found["akma_stage_seconds_count,stage=network"] == 2
    assert found["akma_failures_total,code=device_lost"] == 2


def test_many_threads_make_the_metrics_once() -> None:
    code = (
        "import threading\n"
        "from akma_core import metrics\n"
        "threads = [threading.Thread(target=metrics.frames, args=(1,)) for _ in range(50)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "import prometheus_client\n"
        "print(prometheus_client.REGISTRY.get_sample_value('akma_frames_rendered_total'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "50.0"
    assert not done.stderr
