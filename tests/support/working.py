"""A worker's tasks done for real, on the CPU, beside a service of tests, with the tests' own small network."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from akma_core import registry
from runners.device import Device
from runners.tasks import WorkerTasks
from tests.support.api_service import Service

NAME = "tiny"


@contextmanager
def working(service: Service, network: Path) -> Iterator[Device]:
    """The device; inside the block tasks are done and `tiny` is a network of the service's."""
    if NAME not in {card.name for card in registry.cards(service.storage)}:
        registry.add(service.storage, network)
    device = Device("cpu")
    tasks, stop = (
        WorkerTasks(service.database, service.storage, device, "real", service.home / "work"),
        threading.Event(),
    )

    def work(slow: bool) -> None:
        while not stop.wait(0.01):
            tasks.one(slow=slow)

    def live() -> None:
        while not stop.is_set():
            service.database.beat("real", "1", "cpu", "CPU", 0)
            stop.wait(2)

    service.database.beat("real", "1", "cpu", "CPU", 0)
    threads = [threading.Thread(target=work, args=(slow,)) for slow in (False, True)] + [threading.Thread(target=live)]
    for thread in threads:
        thread.start()
    try:
        yield device
    finally:
        stop.set()
        for thread in threads:
            thread.join()
