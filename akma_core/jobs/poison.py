"""Poison-job detection: a job in flight during repeated worker crashes is retried alone, so that only it is blamed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from akma_core.database import Database
from akma_core.errors import FailureError

MAX_CRASHES = 4  # worker crashes during a job, after which it is retried alone
MAX_TRIES = 6  # retries of a job alone, after which it fails as `poisoned`


class PoisonQuarantine:
    """Quarantine of poison jobs: no other job of this process runs beside one that is retried alone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._condition = threading.Condition()
        self._working = 0
        self._waiting = 0
        self._alone = False
        self._tried: set[str] = set()

    @contextmanager
    def admit(self, job: str, crashes: int) -> Iterator[None]:
        """Wait until the job of that name may run, and run it in the block; `crashes`: of workers during it so far.

        FailureError (poisoned) after MAX_TRIES retries alone.
        """
        if crashes < MAX_CRASHES:
            with self._among_others():
                yield
            return
        with self._by_itself():
            if job not in self._tried:  # once for a process: what fails without killing it is no sign
                self._tried.add(job)
                if self._database.count(f"tries-{job}") > MAX_TRIES:
                    message = "a part of it stopped the worker again and again: try another song, size or network"
                    raise FailureError(message, code="poisoned")
            yield

    @contextmanager
    def _among_others(self) -> Iterator[None]:
        with self._condition:
            self._condition.wait_for(lambda: not self._alone and not self._waiting)
            self._working += 1
        try:
            yield
        finally:
            with self._condition:
                self._working -= 1
                self._condition.notify_all()

    @contextmanager
    def _by_itself(self) -> Iterator[None]:
        with self._condition:
            self._waiting += 1
            self._condition.wait_for(lambda: not self._alone and not self._working)
            self._waiting -= 1
            self._alone = True
        try:
            yield
        finally:
            with self._condition:
                self._alone = False
                self._condition.notify_all()
