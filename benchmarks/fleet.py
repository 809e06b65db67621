"""Measure how chunks spread over many workers: real queue, database and Postgres, STAND-IN devices of a fixed speed.

    python benchmarks/fleet.py --workers 1 4 16 64      throughput against ideal, one-second chunks with stragglers
    python benchmarks/fleet.py --ceiling --workers 4    chunks of no length: what queue and database can do in a second

A stand-in sleeps for a second a chunk, three for one in twenty, and a tenth more without the device, as if it encoded;
it makes no pictures and no files. All workers, the coordinator and Postgres share this machine: its cores are the limit
that a fleet of machines has not. Wants Postgres' programs (Debian: postgresql) or AKMA_DATABASE_URL.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from akma_core.config import read_environment  # noqa: E402
from akma_core.database import Caps, Database, Render  # noqa: E402
from akma_core.jobs.periodic import PeriodicTask, PeriodicTasks  # noqa: E402
from akma_core.jobs.progress import ProgressTracker  # noqa: E402
from akma_core.jobs.stages import Stages  # noqa: E402
from akma_core.jobs.workflows import Jobs, version  # noqa: E402
from tests.support.postgres import cluster  # noqa: E402

FRAMES = 30  # of a chunk
JOB = 40  # chunks
CHUNKS = 20  # for each worker
STRAGGLER = 20  # one in so many takes three times as long
ENCODING = 0.1  # seconds beside the device


class StandIn(Stages):
    """Takes the time, and tells the database what a real one would."""

    def __init__(self, database: Database, worker: str, seconds: float) -> None:
        self.busy, self.stopping, self.version = ProgressTracker(), threading.Event(), version("stand-in")
        self._database, self._worker, self._seconds = database, worker, seconds
        self._lock = threading.Lock()

    def clean(self) -> None:
        """A storage that keeps nothing."""

    def forget(self, render_id: str) -> None:
        """Nor here."""

    def plan(self, render_id: str, base: Callable[[], int]) -> Any:
        sizes = [FRAMES] * JOB
        begun = self._database.start(render_id, sizes, started=time.time(), base=base())
        return SimpleNamespace(frames=sum(sizes), chunk_count=JOB), begun

    def sound(self, render_id: str) -> None:
        self._database.update(render_id, sound=JOB)

    def chunk(self, render_id: str, index: int) -> int:
        with self._lock:
            time.sleep(duration(render_id, index, self._seconds))
        time.sleep(ENCODING if self._seconds else 0)
        return self._database.finish_segment(render_id, index, self._worker, [], rendered=True)

    def finish(self, render_id: str) -> bool:
        return self._database.finish(render_id)


def duration(render_id: str, index: int, seconds: float) -> float:
    """Seconds of the device that a chunk takes."""
    return seconds * (3 if zlib.crc32(f"{render_id}{index}".encode()) % STRAGGLER == 0 else 1)


def work(index: int, seconds: float, home: str) -> None:
    """A worker's process."""
    os.environ |= {"AKMA_HOME": home, "AKMA_NODE": "fleet"}
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # the log lines of a thousand chunks
    environment = read_environment()
    database, name = Database(environment.database("akma")), f"fleet-{index}"
    stages = StandIn(database, name, seconds)
    jobs = Jobs(environment, database, stages, name)
    jobs.start()
    beat = PeriodicTask(2.0, lambda: database.beat(name, jobs.version, "stand-in", "stand-in", 0))
    PeriodicTasks("pulse", [beat]).start()
    PeriodicTasks("dispatch", jobs.periodic_tasks()).start()
    threading.Event().wait()


def measure(count: int, seconds: float) -> dict[str, Any]:
    """One fleet of `count` workers, on a database of its own."""
    with tempfile.TemporaryDirectory() as home, cluster() as url:
        os.environ |= {"AKMA_DATABASE_URL": url, "AKMA_HOME": home}
        environment = read_environment()
        database = Database(environment.database("akma"))
        context = multiprocessing.get_context("fork")  # the libraries are in memory once
        processes = [context.Process(target=work, args=(index, seconds, home), daemon=True) for index in range(count)]
        for each in processes:
            each.start()
        while len(database.workers()) < count:
            time.sleep(0.2)
        chunks = max(3 * JOB, CHUNKS * count) if seconds else 25 * JOB
        ids = [f"{number:032x}" for number in range(-(-chunks // JOB))]
        for render_id in ids:
            database.accept(
                Render(id=render_id, created=time.time(), owner="bench", fingerprint="", settings="{}", name="",
                       audio="", seconds=JOB, frames=JOB * FRAMES, fps="30"),
                Caps(jobs=10_000, seconds=1e9, key=10_000),
            )  # fmt: skip
        while database.waiting():
            time.sleep(0.5)
        ends = sorted(row["updated"] for render_id in ids for row in database.segments(render_id))
        begin, end = min(2 * count, len(ends) // 4), int(len(ends) * 0.85)  # not the start, nor the last ones' tail
        rate = (end - begin) / (ends[end] - ends[begin])
        for each in processes:
            each.kill()
            each.join()
        database.close()
    mean = sum(duration(render_id, index, seconds) for render_id in ids for index in range(JOB)) / (len(ids) * JOB)
    found = {"workers": count, "chunks": len(ends), "chunks_per_second": round(rate, 2)}
    return found | ({"of_ideal": round(rate * mean / count, 3)} if seconds else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--seconds", type=float, default=1.0, help="of the device for a chunk")
    parser.add_argument("--ceiling", action="store_true", help="chunks of no length")
    options = parser.parse_args()
    for count in options.workers:
        print(json.dumps(measure(count, 0.0 if options.ceiling else options.seconds)), flush=True)


if __name__ == "__main__":
    main()
