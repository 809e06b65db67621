"""Durable renders, on DBOS: plan -> sound, and chunks on a queue -> join -> webhook.

Each of these is a workflow whose id follows from the render's, so that enqueueing it twice is enqueueing it once; no
workflow waits for another: whoever finishes the last piece enqueues the join. DBOS brings every workflow to its end,
whatever is killed; `akma_core.stages` makes beginning one again harmless.
"""

import hashlib
import json
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from dbos._serialization import DBOSPortableJSON

from akma_core import __version__, metrics
from akma_core.environment import Environment
from akma_core.errors import AkmaError, FailureError
from akma_core.ledger import Ledger, Render
from akma_core.lock import FileLock, PostgresLock
from akma_core.log import event
from akma_core.plan import libraries
from akma_core.stages import OverError, Stages
from akma_core.webhook import send

WINDOW = 512  # chunks of a render in the queue at a time
RECOVERIES = 20  # processes that one piece of work may take with it before it counts as poison
PATIENCE = 900.0  # seconds that what may pass is tried again for
LONGEST_PAUSE = 60.0  # seconds between two tries
PASSING = {"storage_unreachable", "disk_full", "write_failed", "read_failed", "out_of_memory", "no_rights"}
SILENT = 30.0  # seconds after which a worker that says nothing counts as frozen or cut off
GONE = 60.0  # seconds after which a version that no worker speaks counts as gone
DRAIN = 20  # seconds that work in flight may take when the process is asked to end


def version() -> str:
    """What decides the bytes of a render: workers of another version do not take its chunks."""
    known = "\n".join([__version__, *(f"{name} {number}" for name, number in sorted(libraries().items()))])
    return f"{__version__}-{hashlib.sha256(known.encode()).hexdigest()[:8]}"


class Jobs:
    """The workflows of one worker process, named `worker` on every restart."""

    def __init__(self, environment: Environment, ledger: Ledger, stages: Stages, profile: str, worker: str) -> None:
        self.version = version()
        self.worker = worker
        self._environment, self._ledger, self._stages, self._profile = environment, ledger, stages, profile
        self._url = environment.database("dbos")
        self._lock = (
            PostgresLock(self._url, worker) if environment.is_postgres else FileLock(environment.home / "locks", worker)
        )
        self._poll = 0.25 if environment.is_postgres else 0.05  # seconds
        self._seen: set[tuple[str, str]] = set()

    def start(self) -> None:
        """Wait for this executor's lock, recover what a process of the same name left, and begin to take work."""
        waited = 0
        while not self._lock.take():
            if waited % 10 == 0:
                event("lock_waiting", "warning", worker=self.worker, reason="another process has this worker's name")
            waited += 1
            time.sleep(1)
        if not self._environment.is_postgres:
            _use_wal(self._environment.home / "dbos.sqlite")
        os.environ.setdefault("DBOS_DISABLE_UPDATE_CHECK", "1")
        config: DBOSConfig = {
            "name": "akma",
            "system_database_url": self._url,
            "application_version": self.version,
            "executor_id": self.worker,
            "serializer": DBOSPortableJSON,
            "enable_otlp": False,
            "log_level": "WARNING",
            "console_log_level": "WARNING",
        }
        DBOS(config=config)
        self._declare()
        queues = {"plan": 2, "sound": 1, f"chunk-{self._profile}": 2, "join": 1, "webhook": 4}
        DBOS.listen_queues(list(queues))
        DBOS.launch()
        for name, at_once in queues.items():
            often = self._poll if name.startswith("chunk") else max(self._poll, 0.2)
            DBOS.register_queue(name, worker_concurrency=at_once, polling_interval_sec=often)
        self._client = DBOSClient(
            system_database_url=self._url, serializer=DBOSPortableJSON, application_name="akma", lazy=True
        )

    def stop(self) -> None:
        """Take no more work, give what is in flight some seconds, and leave the rest to whoever comes next."""
        DBOS.destroy(workflow_completion_timeout_sec=DRAIN)
        self._stages.stopping.set()
        self._client.destroy()
        self._lock.release()

    def _declare(self) -> None:
        """The workflows; what they call may be called again, so that none needs steps."""

        def workflow(name: str, work: Callable[..., None]) -> None:
            def run(render_id: str, *arguments: Any) -> None:
                self._try(name, render_id, lambda: work(render_id, *arguments))

            DBOS.workflow(name=name, max_recovery_attempts=RECOVERIES)(run)

        workflow("plan", self._plan)
        workflow("sound", self._sound)
        workflow("chunk", self._chunk)
        workflow("join", self._join)
        workflow("webhook", self._webhook)

    def _enqueue(self, queue: str, name: str, render_id: str, *arguments: Any, priority: int = 1) -> None:
        """Once for the same arguments, however often it is called."""
        suffix = "-".join(str(argument) for argument in arguments if isinstance(argument, int))
        options: EnqueueOptions = {
            "workflow_name": name,
            "queue_name": queue,
            "workflow_id": "-".join(filter(None, [render_id, self.version, name, suffix])),
            "app_version": self.version,
            "priority": min(priority, 2**31 - 1),
        }
        self._client.enqueue(options, render_id, *arguments)

    # The workflows

    def _plan(self, render_id: str) -> None:
        self._ledger.update(render_id, stage="planning")
        plan, begun = self._stages.plan(render_id, lambda: self._ledger.floor() + 1)
        if not begun:
            return
        event("render_planned", render=render_id, frames=plan.frames, chunks=plan.chunk_count)
        render = self._ledger.get(render_id)
        if render is None:
            return
        for index in range(min(WINDOW, plan.chunk_count)):
            self._enqueue_chunk(render, index)
        self._enqueue("sound", "sound", render_id)

    def _enqueue_chunk(self, render: Render, index: int) -> None:
        queue = f"chunk-{self._profile}"  # the plan was made for this kind of device
        self._enqueue(queue, "chunk", render.id, index, priority=render.base + index + 1)

    def _sound(self, render_id: str) -> None:
        self._stages.sound(render_id)
        self._join_if_whole(render_id)

    def _chunk(self, render_id: str, index: int) -> None:
        missing = self._stages.chunk(render_id, index)
        render = self._ledger.get(render_id)
        if render and render.chunks and index + WINDOW < render.chunks:
            self._enqueue_chunk(render, index + WINDOW)
        if missing == 0:
            self._join_if_whole(render_id)

    def _join_if_whole(self, render_id: str) -> None:
        """Called after each half is written: whoever writes the second one finds both."""
        render = self._ledger.get(render_id)
        if (
            render
            and render.chunks == render.sound
            and self._ledger.progress([render_id])[render_id].segments == (render.chunks or -1)
        ):
            self._enqueue("join", "join", render_id)

    def _join(self, render_id: str) -> None:
        if self._stages.finish(render_id):
            event("render_done", render=render_id)

    def _webhook(self, render_id: str) -> None:
        render = self._ledger.get(render_id)
        secret = self._environment.webhook_secret
        if render is None or render.webhook_url is None or secret is None:
            return
        send_for(render, self._environment, secret.get_secret_value().encode())
        self._ledger.update(render_id, unless_over=False, webhook="sent")
        event("webhook_sent", render=render_id)

    # What goes wrong

    def _try(self, name: str, render_id: str, work: Callable[[], None]) -> None:
        """Do it; again, with pauses, where what is wrong may pass; else the render fails, and only it."""
        began, pause = time.monotonic(), 1.0
        while True:
            try:
                return work()
            except OverError:
                if self._stages.stopping.is_set():
                    threading.Event().wait()  # stays in flight, for whoever comes next; the process is about to end
                self._stages.forget(render_id)
                return None
            except Exception as error:
                reason = error if isinstance(error, AkmaError) else None
                code = reason.code if reason else "internal"
                patient = time.monotonic() - began < PATIENCE or code == "database_unreachable"
                if patient and (
                    code in PASSING or code == "database_unreachable" or getattr(error, "transient", False)
                ):
                    event("trying_again", "warning", render=render_id, stage=name, error=str(error), pause=pause)
                    self._stages.stopping.wait(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                    continue
                return self._fail(name, render_id, code, error)

    def _fail(self, name: str, render_id: str, code: str, error: Exception) -> None:
        message = str(error) if isinstance(error, AkmaError) else f"a fault in AKMA itself ({type(error).__name__})"
        event("stage_failed", "error", render=render_id, stage=name, code=code, error=repr(error))
        metrics.failure(code)
        if name == "webhook":
            self._ledger.update(render_id, unless_over=False, webhook=message[:500])
            return
        self._ledger.note(render_id, f"{name}: {message}")
        if self._ledger.end(render_id, "failed", code, message):
            event("render_failed", "error", render=render_id, code=code, message=message)
        self._stages.forget(render_id)

    # Now and then

    def dispatch(self) -> None:
        """Enqueue what is new: renders that nobody has begun, webhooks of renders that are over."""
        for render in self._ledger.waiting():
            if render.version == "" and not self._ledger.adopt(render.id, "", self.version):
                continue
            if render.version in ("", self.version) and render.status == "queued":
                self._enqueue_new("plan", render.id)
        for render_id in self._ledger.unsent():
            self._enqueue_new("webhook", render_id)

    def _enqueue_new(self, name: str, render_id: str) -> None:
        """Enqueue what this process has not: the database would see that it is there, but need not be asked."""
        if (name, render_id) not in self._seen:
            self._enqueue(name, name, render_id)
            if len(self._seen) > 10_000:
                self._seen.clear()
            self._seen.add((name, render_id))

    def bury(self) -> None:
        """Fail renders of which a piece has taken RECOVERIES processes with it, or ended otherwise than it may."""
        dead = self._client.list_workflows(
            status=["MAX_RECOVERY_ATTEMPTS_EXCEEDED", "ERROR"],
            workflow_id_prefix=[render.id for render in self._ledger.waiting()] or ["none"],
            load_input=False,
            load_output=False,
        )
        for each in dead:
            render_id = each.workflow_id.partition("-")[0]
            message = "a part of it stopped the worker again and again: try another song, size or network"
            if self._ledger.end(render_id, "failed", "poisoned", message):
                self._ledger.note(render_id, f"{each.workflow_id}: {each.status}")
                event("render_failed", "error", render=render_id, code="poisoned", workflow=each.workflow_id)

    def rescue(self) -> None:
        """Take up the work of executors that died on other machines, and the renders of versions that are gone."""
        if self._environment.is_postgres:
            if not self._lock.held() and not self._lock.take():
                event("lock_lost", "error", worker=self.worker)
                os._exit(1)  # somebody else is this executor now
            pending = self._client.list_workflows(
                status="PENDING", app_version=self.version, load_input=False, load_output=False
            )
            executors = {each.executor_id or "" for each in pending} - {self.worker}
            heard = {row["id"] for row in self._ledger.workers(SILENT)}
            free = {each for each in executors if self._lock.free(each, silent=each not in heard)}
            for each in pending:
                executor = each.executor_id or ""
                if executor in free:
                    self._client.resume_workflow(each.workflow_id, queue_name=each.queue_name)
                    event("work_rescued", "warning", workflow=each.workflow_id, executor=executor)
        spoken = {row["version"] for row in self._ledger.workers(GONE)} | {"", self.version}
        for render in self._ledger.waiting():
            if render.version not in spoken and self._ledger.due(f"adopt-{render.id}", GONE):
                self._stages.restart(render.id)
                self._ledger.adopt(render.id, render.version, self.version)
                event("render_adopted", "warning", render=render.id, version=render.version)


def send_for(render: Render, environment: Environment, secret: bytes) -> None:
    """Tell a render's webhook how it ended. FailureError, with `transient` where another try may do."""
    body = json.dumps(
        {
            "id": render.id,
            "status": render.status,
            "name": render.name,
            "error": {"code": render.error_code, "message": render.error_message} if render.error_code else None,
            "finished": render.finished,
        }
    ).encode()
    if render.webhook_url is None:
        raise FailureError("the render has no webhook", code="webhook_failed")
    send(
        render.webhook_url,
        body,
        secret,
        hosts=environment.webhook_hosts,
        allow_private=environment.webhook_allow_private,
    )


def _use_wal(path: Path) -> None:
    """Readers then do not wait for writers. Once for a file: it remembers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=30)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def slug(text: str) -> str:
    """Small letters, digits and -."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
