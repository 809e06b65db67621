"""The worker: owns one device, takes work of all renders, and does it. A BentoML service wraps it in `service.py`."""

import os

import torch

from akma_core import log
from akma_core.config import Environment
from akma_core.database import Ledger
from akma_core.jobs.cleanup import expire
from akma_core.jobs.periodic import Round, Rounds
from akma_core.jobs.stages import Stages
from akma_core.jobs.submission import sweep
from akma_core.jobs.workflows import Jobs, version
from akma_core.log import event
from akma_core.storage import open_storage
from runners.device import Studio
from runners.tasks import Errands

STUCK = 1800.0  # seconds without a picture; the slowest upscaler on a slow CPU takes minutes for one
NICE = 10  # a CPU's worker gives way to the API on the same machine


class Worker:
    """One process with one device; `index` counts the workers of a node from 0."""

    def __init__(self, environment: Environment, index: int = 0) -> None:
        self._environment = environment
        self.name = f"{environment.node}-{index}"
        log.configure(environment.log, node=environment.node, process=f"worker-{index}")
        self._ledger = Ledger(environment.database("akma"))
        self._storage = open_storage(environment.storage_url)
        self._studio = Studio(_device(environment.device, index))
        if self._studio.profile == "cpu":
            os.nice(NICE)
        folder = environment.home / "work" / self.name
        spoken = version(self._studio.profile)
        self._stages = Stages(self._ledger, self._storage, self._studio, folder, self.name, spoken)
        self._jobs = Jobs(environment, self._ledger, self._stages, self.name)
        self._errands = Errands(self._ledger, self._storage, self._studio, self.name)
        quick = 0.5 if environment.is_postgres else 0.1
        jobs, stages = self._jobs, self._stages
        self._rounds = [
            Rounds(
                "pulse",
                [
                    Round(quick, stages.watch),
                    Round(0.5, self._pulse),
                    Round(2.0, self._beat),
                    Round(30.0, self._end_if_stuck),
                ],
            ),
            Rounds("dispatch", jobs.rounds()),
            Rounds("house", [Round(10.0, self._keep_house), Round(60.0, jobs.tidy)]),  # may take minutes
            Rounds("errands", [Round(quick, self._run_errands)]),
        ]

    def start(self) -> None:
        """Take work, from now on."""
        self._studio.warm()
        self._jobs.start()
        for rounds in self._rounds:
            rounds.start()
        event("worker_started", worker=self.name, device=self._studio.name, version=self._jobs.version)

    def stop(self) -> None:
        """Let what is in flight end, if it is quick about it, and leave the rest to whoever comes next."""
        event("worker_stopping", worker=self.name)
        self._jobs.stop()
        for rounds in self._rounds:
            rounds.stop()
        event("worker_stopped", worker=self.name)

    def _pulse(self) -> None:
        if pulses := self._stages.busy.pulses():
            self._ledger.pulse(self.name, pulses)

    def _beat(self) -> None:
        self._ledger.beat(
            self.name, self._jobs.version, self._studio.profile, self._studio.name, self._stages.busy.total
        )

    def _end_if_stuck(self) -> None:
        if self._stages.busy.stands_still(STUCK):
            event("device_hangs", "error", worker=self.name, device=self._studio.name)
            os._exit(1)  # the supervisor starts another, which begins the chunks again

    def _run_errands(self) -> None:
        while self._errands.one():
            pass

    def _keep_house(self) -> None:
        if self._ledger.due("retention", 60):
            expire(self._ledger, self._storage, self._environment.retention_days, self._environment.retention_bytes)
        if self._ledger.due("sweep", 6 * 3600):
            sweep(self._storage, self._ledger)


def _device(wish: str, index: int) -> str:
    """The device of the worker with this number: one GPU each, or the one that was asked for."""
    if wish == "auto" and torch.cuda.is_available():
        return f"cuda:{index % torch.cuda.device_count()}"
    return "cpu" if wish == "auto" else wish
