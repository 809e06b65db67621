"""Work that was under way when processes died, again and again, is tried by itself: only what kills is blamed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from akma_core.database import Database
from akma_core.errors import FailureError

MAX_DEATHS = 4  # processes that died during a piece of work, after which it is a suspect
MAX_TRIES = 6  # times that a suspect may be tried by itself


class PoisonQuarantine:
    """Everything else waits while a suspect is tried."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._condition = threading.Condition()
        self._working = 0
        self._waiting = 0
        self._alone = False
        self._tried: set[str] = set()

    @contextmanager
    def trying(self, work: str, deaths: int) -> Iterator[None]:
        """The block does the work of that name, during which `deaths` processes died before.

        FailureError, poisoned, instead of once too often.
        """
        if deaths < MAX_DEATHS:
            with self._among_others():
                yield
            return
        with self._by_itself():
            if work not in self._tried:  # once for a process: what fails without killing it is no sign
                self._tried.add(work)
                if self._database.count(f"tries-{work}") > MAX_TRIES:
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
