"""Periodic tasks of a worker: report progress, notice cancellation, dispatch what is new, clean up."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from akma_core.errors import AkmaError
from akma_core.log import event

TICK = 0.05  # seconds


@dataclass
class PeriodicTask:
    """Something to be done every so many seconds."""

    every: float
    work: Callable[[], object]
    due: float = 0.0
    failing: bool = False

    def go(self) -> None:
        """Do it if it is time; what goes wrong is logged, once for as long as it lasts."""
        if time.monotonic() < self.due:
            return
        try:
            self.work()
            self.failing = False
        except Exception as error:
            if not self.failing:
                text = error.message if isinstance(error, AkmaError) else repr(error)
                event("round_failed", "error", round=getattr(self.work, "__name__", "?"), error=text)
            self.failing = True
        self.due = time.monotonic() + self.every


class PeriodicTasks:
    """A thread that does them, one after the other."""

    def __init__(self, name: str, periodic_tasks: list[PeriodicTask]) -> None:
        self._periodic = periodic_tasks
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when none is under way any more."""
        self._stop.set()
        self._thread.join(10)

    def _run(self) -> None:
        while not self._stop.wait(TICK):
            for each in self._periodic:
                if not self._stop.is_set():
                    each.go()
