"""A lock on a device that serves by order, not by arrival: the first second of a video comes first."""

import bisect
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

Order = tuple[float, ...]
"""Order of service: smaller ones first. A chunk's is (fair priority, index, moment at which its render came)."""

LAST: Order = (float("inf"),)
RESERVED_SECONDS = 2.0  # that a place is kept for who has not come yet; beyond it a slow disk would hold up the device


class PriorityLock:
    """A device is one caller's at a time: urgent ones first, then by order, then in the order in which they came."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._arrivals = itertools.count()
        self._queue: list[tuple[Order, int]] = []
        self._urgent: list[tuple[Order, int]] = []
        self._reserved: dict[Order, float] = {}
        """Until when, by the monotonic clock."""
        self._busy = False
        self._held: Order = LAST
        """Order of the holder."""

    @contextmanager
    def reserved(self, order: Order) -> Iterator[None]:
        """Keep the place of `order` inside the block: until its `acquire(order, last=True)` those behind it wait.

        For RESERVED_SECONDS at most.
        """
        with self._condition:
            self._reserved[order] = time.monotonic() + RESERVED_SECONDS
        try:
            yield
        finally:
            self._forget(order)

    @contextmanager
    def acquire(self, order: Order = LAST, *, urgent: bool = False, last: bool = False) -> Iterator[None]:
        """Wait for the device, and have it; `last`: the place that is reserved for `order` is given up with it."""
        queue = self._urgent if urgent else self._queue
        with self._condition:
            ticket = (order, next(self._arrivals))
            bisect.insort(queue, ticket)
            self._wait(ticket)
            queue.remove(ticket)
            self._busy, self._held = True, order
        try:
            yield
        finally:
            with self._condition:
                self._busy = False
                if last:
                    self._reserved.pop(order, None)
                self._condition.notify_all()

    def give_way(self) -> None:
        """Let urgent callers in, and whoever is of a smaller order, and go on; called by the holder."""
        with self._condition:
            order = self._held
            if not self._urgent and not (self._queue and self._queue[0][0] < order):
                return
            self._busy = False
            ticket = (order, -1)  # before those of the same order: it has been the device's turn
            bisect.insort(self._queue, ticket)
            self._condition.notify_all()
            self._condition.wait_for(lambda: not self._busy and (self._urgent or self._queue)[0] is ticket)
            self._queue.pop(0)
            self._busy, self._held = True, order

    def _wait(self, ticket: tuple[Order, int]) -> None:
        def may_go() -> bool:
            return not self._busy and (self._urgent or self._queue)[0] is ticket

        while True:
            self._condition.wait_for(may_go)
            now = time.monotonic()
            ahead = [until for order, until in self._reserved.items() if order < ticket[0] and until > now]
            if not ahead or ticket in self._urgent:
                return
            self._condition.wait(min(ahead) - now)

    def _forget(self, order: Order) -> None:
        with self._condition:
            self._reserved.pop(order, None)
            self._condition.notify_all()
