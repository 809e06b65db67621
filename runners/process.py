"""The process that a worker lives in: how many there are, how one begins and ends. Light: no torch before it begins."""

import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from akma_core.config import Environment
from akma_core.errors import AkmaError
from akma_core.log import event

PARENT = os.getppid()  # read early: it may be gone by the time that anybody looks

if TYPE_CHECKING:
    from runners.worker import Worker


def device_count(wish: str) -> int:
    """Workers that this machine wants; without torch, which the supervisor does not load."""
    if wish != "auto":
        return 1
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return max(1, len([part for part in visible.split(",") if part.strip() not in ("", "-1")]))
    try:
        return max(1, len([path for path in Path("/dev").iterdir() if re.fullmatch(r"nvidia\d+", path.name)]))
    except OSError:
        return 1


def process_name(index: int | None) -> str:
    """Name, for log lines, of this process of `bentoml serve`, whose number among its like is `index`, from 1."""
    if index is None:
        return "supervisor"
    return f"worker-{index - 1}" if "akma-worker" in sys.argv else "api"


def run(environment: Environment, index: int) -> "Worker":
    """A started worker, in a process that ends with its parent. Ends the process where that cannot be."""
    end_with_parent()
    try:
        from runners.worker import Worker

        worker = Worker(environment, index)
        worker.start()
    except Exception as error:
        text = error.message if isinstance(error, AkmaError) else repr(error)
        event("worker_failed", "error", error=text)
        time.sleep(5)  # it will be started again: not at once, not a hundred times a second
        os._exit(1)
    return worker


def end_with_parent() -> None:
    """A killed supervisor leaves its children behind; the next one's would find their locks and ports held."""

    def watch() -> None:
        while os.getppid() == PARENT:
            time.sleep(0.5)
        event("parent_gone", "warning")
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
