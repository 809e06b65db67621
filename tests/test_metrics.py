"""What processes count, together."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.metrics import samples


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
metrics.ended("failed", "device_lost")
metrics.tried("chunk", "again")
metrics.rescued("task", 3)
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
    assert found["akma_job_tries_total,job=chunk,outcome=again"] == 2
    assert found["akma_rescues_total,what=job"] == 0  # known before the first
    assert found["akma_rescues_total,what=task"] == 6
    assert found["akma_renders_ended_total,status=failed"] == 2
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
