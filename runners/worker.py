"""The worker: owns one device, takes work of all renders, and does it. A BentoML service wraps it in `service.py`."""

import os
import shutil

import torch

from akma_core import metrics
from akma_core.config import Environment
from akma_core.database import Database
from akma_core.jobs.cleanup import delete_expired, delete_orphans
from akma_core.jobs.clock import CleanUpClock
from akma_core.jobs.deliveries import DeliverySender
from akma_core.jobs.periodic import PeriodicTask, PeriodicTasks
from akma_core.jobs.song_cleanup import delete_expired_songs, delete_unowned
from akma_core.jobs.stages import Stages
from akma_core.jobs.workflows import Jobs, version
from akma_core.log import event
from akma_core.storage import open_storage
from runners.device import Device
from runners.tasks import WorkerTasks

HANG_TIMEOUT = 1800.0  # seconds without a picture; the slowest upscaler on a slow CPU takes minutes for one
NICE = 10  # a CPU's worker gives way to the API on the same machine


class Worker:
    """One process with one device; `index` counts the workers of a node from 0."""

    def __init__(self, environment: Environment, index: int = 0) -> None:
        self._environment = environment
        self.name = f"{environment.node}-{index}"
        self._database = Database(environment.database("akma"))
        self._storage = open_storage(environment.storage_url)
        self._device = Device(_device(environment.device, index))
        if self._device.profile == "cpu":
            os.nice(NICE)
        folder = environment.home / "work" / self.name
        spoken = version(self._device.profile)
        self._stages = Stages(self._database, self._storage, self._device, folder, self.name, spoken)
        self._jobs = Jobs(environment, self._database, self._stages, self.name)
        copies = environment.home / "work" / f"{self.name}-tasks"
        shutil.rmtree(copies, ignore_errors=True)  # what a process of the same name left
        self._tasks = WorkerTasks(self._database, self._storage, self._device, self.name, copies)
        self._clock = CleanUpClock(self._database)
        self._deliveries = DeliverySender(environment, self._database)
        quick = 0.5 if environment.is_postgres else 0.1
        jobs, stages = self._jobs, self._stages
        self._periodic = [
            PeriodicTasks(
                "pulse",
                [
                    PeriodicTask(quick, stages.watch),
                    PeriodicTask(0.5, self._pulse),
                    PeriodicTask(2.0, self._beat),
                    PeriodicTask(30.0, self._end_if_stuck),
                ],
            ),
            PeriodicTasks("dispatch", jobs.periodic_tasks()),
            # Deleting may take minutes: a thread of its own.
            PeriodicTasks("cleanup", [PeriodicTask(10.0, self._clean_up), PeriodicTask(60.0, jobs.prune_workflows)]),
            PeriodicTasks(
                "webhooks",
                [PeriodicTask(2 * quick, self._deliveries.send_due), PeriodicTask(600.0, self._deliveries.forget)],
            ),
            PeriodicTasks("tasks", [PeriodicTask(quick, self._run_tasks)]),
            PeriodicTasks("slow-tasks", [PeriodicTask(quick, self._run_slow_tasks)]),
        ]

    def start(self) -> None:
        """Take work, from now on."""
        metrics.declare()
        self._device.warm()
        self._jobs.start()
        metrics.rescued("task", self._database.release_tasks(self.name))  # a process of the same name died with them
        for thread in self._periodic:
            thread.start()
        event("worker_started", worker=self.name, device=self._device.name, version=self._jobs.version)

    def stop(self) -> None:
        """Let what is in flight end, if it is quick about it, and leave the rest to whoever comes next."""
        event("worker_stopping", worker=self.name)
        self._jobs.stop()
        for thread in self._periodic:
            thread.stop()
        self._deliveries.stop()
        event("worker_stopped", worker=self.name)

    def _pulse(self) -> None:
        if progress_rows := self._stages.busy.progress_rows():
            self._database.pulse(self.name, progress_rows)

    def _beat(self) -> None:
        self._database.beat(
            self.name,
            self._jobs.version,
            self._device.profile,
            self._device.name,
            self._stages.busy.total,
        )

    def _end_if_stuck(self) -> None:
        if self._stages.busy.stands_still(HANG_TIMEOUT):
            event("device_hangs", "error", worker=self.name, device=self._device.name)
            os._exit(1)  # the supervisor starts another, which begins the chunks again

    def _run_tasks(self) -> None:
        while self._tasks.one(slow=False):
            pass

    def _run_slow_tasks(self) -> None:
        """Clips take seconds; pictures of seeds do not wait for them."""
        while self._tasks.one(slow=True):
            pass

    def _clean_up(self) -> None:
        days = self._environment.retention_days
        if self._database.due("retention", 60):
            now = self._clock.now()
            delete_expired(self._database, self._storage, now, days, self._environment.retention_bytes)
            if now is not None:
                delete_expired_songs(self._database, self._storage, now, days)
        if self._database.due("sweep", 6 * 3600) and (now := self._clock.storage_now(self._storage)) is not None:
            delete_orphans(self._storage, self._database, now)
            delete_unowned(self._database, self._storage, now)


def _device(wish: str, index: int) -> str:
    """The device of the worker with this number: one GPU each, or the one that was asked for."""
    if wish == "auto" and torch.cuda.is_available():
        return f"cuda:{index % torch.cuda.device_count()}"
    return "cpu" if wish == "auto" else wish
