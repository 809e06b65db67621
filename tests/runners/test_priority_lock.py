"""The device serves by order."""

import threading
import time
from collections.abc import Callable
from functools import partial

from runners import priority_lock
from runners.priority_lock import Order, PriorityLock


def start(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_smaller_orders_come_first_whoever_came_first() -> None:
    lock, served = PriorityLock(), list[Order]()

    def come(order: Order) -> None:
        with lock.acquire(order):
            served.append(order)

    with lock.acquire():
        threads = []
        for order in ((5.0, 1.0), (3.0, 7.0), (3.0, 2.0), (4.0, 0.0)):
            threads.append(start(partial(come, order)))
            while len(lock._queue) < len(threads):
                time.sleep(0.001)
    for thread in threads:
        thread.join(5)
    assert served == [(3.0, 2.0), (3.0, 7.0), (4.0, 0.0), (5.0, 1.0)]


def test_the_second_chunk_waits_for_the_first_that_is_on_its_way() -> None:
    for _ in range(20):
        lock, served = PriorityLock(), list[int]()
        ready = threading.Event()

        def chunk(lock: PriorityLock, index: int, pause: float, served: list[int], ready: threading.Event) -> None:
            order = (1.0, float(index))
            with lock.reserved(order):
                if index == 0:
                    ready.set()
                else:
                    ready.wait(5)
                time.sleep(pause)  # reading the plan
                with lock.acquire(order):
                    time.sleep(0.001)  # loading the network
                with lock.acquire(order, last=True):
                    served.append(index)

        second = start(partial(chunk, lock, 1, 0, served, ready))
        first = start(partial(chunk, lock, 0, 0.02, served, ready))
        first.join(5)
        second.join(5)
        assert served == [0, 1]


def test_a_place_is_not_kept_for_ever() -> None:
    lock = PriorityLock()
    old = priority_lock.RESERVED_SECONDS
    priority_lock.RESERVED_SECONDS = 0.05
    try:
        with lock.reserved((0.0,)):
            began = time.monotonic()
            with lock.acquire((1.0,)):
                assert 0.04 < time.monotonic() - began < 2
    finally:
        priority_lock.RESERVED_SECONDS = old


def test_the_urgent_wait_for_no_reservation() -> None:
    lock = PriorityLock()
    with lock.reserved((0.0,)):
        began = time.monotonic()
        with lock.acquire(urgent=True):
            assert time.monotonic() - began < 1
