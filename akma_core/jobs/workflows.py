"""Durable renders, on DBOS: plan -> sound, and chunks on a queue -> join.

Each of these is a workflow whose id follows from the render's, so that enqueueing it twice is enqueueing it once; no
workflow waits for another: whoever finishes the last piece enqueues the join. DBOS brings every workflow to its end,
whatever is killed; `akma_core.jobs.stages` makes beginning one again harmless.
"""

import hashlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from dbos._serialization import DBOSPortableJSON

from akma_core import __version__, metrics
from akma_core.config import Environment
from akma_core.database import Database, Render
from akma_core.database.engine import use_wal
from akma_core.errors import AkmaError
from akma_core.jobs.executor_lock import FileLock, PostgresLock
from akma_core.jobs.objects import RenderStoppedError
from akma_core.jobs.periodic import PeriodicTask
from akma_core.jobs.poison import PoisonQuarantine
from akma_core.jobs.stages import Stages
from akma_core.log import event
from akma_core.render.plan_base import libraries

WINDOW = 512  # chunks of a render in the queue at a time
MAX_RECOVERY_ATTEMPTS = 500  # processes that may die while one piece of work is under way: see akma_core.jobs.poison
RETRY_FOR = 900.0  # seconds that what may pass is tried again for
MAX_BACKOFF = 60.0  # seconds between two tries
TRANSIENT = {
    "storage_unreachable",
    "storage_corrupt",
    "disk_full",
    "write_failed",
    "read_failed",
    "out_of_memory",
    "no_rights",
}
HEARTBEAT_TIMEOUT = 30.0  # seconds after which a worker that says nothing counts as frozen or cut off
VERSION_TIMEOUT = 180.0  # seconds after which a version that no worker speaks counts as gone
CONCURRENCY = {
    "plan": 2,
    "sound": 1,
    "chunk": 2,  # more where the device is faster than an encoder: Stages.chunks_at_once
    "join": 1,
}  # of a worker
# Seconds between two looks for work. Many machines ask one database; each has its next chunk while it renders one.
SQLITE_POLL_SECONDS = {"plan": 0.1, "sound": 0.2, "chunk": 0.05, "join": 0.2, "dispatch": 0.2}
POSTGRES_POLL_SECONDS = {"plan": 0.5, "sound": 1.0, "chunk": 0.5, "join": 1.0, "dispatch": 0.5}
SHUTDOWN_GRACE = 20  # seconds that work in flight may take when the process is asked to end


def version(profile: str) -> str:
    """Version of what decides the bytes of a render: workers of another, or kind of device, do not take its chunks."""
    known = "\n".join([__version__, *(f"{name} {number}" for name, number in sorted(libraries().items()))])
    return f"{__version__}-{hashlib.sha256(known.encode()).hexdigest()[:8]}-{profile}"


class Jobs:
    """The workflows of one worker process, named `worker` on every restart."""

    def __init__(self, environment: Environment, database: Database, stages: Stages, worker: str) -> None:
        self.version = stages.version
        self.worker = worker
        self._environment, self._database, self._stages = environment, database, stages
        self._url = environment.database("dbos")
        self._lock = (
            PostgresLock(self._url, worker) if environment.is_postgres else FileLock(environment.home / "locks", worker)
        )
        self._often = POSTGRES_POLL_SECONDS if environment.is_postgres else SQLITE_POLL_SECONDS
        self._quarantine = PoisonQuarantine(database)
        self._seen: set[tuple[str, str, int]] = set()

    def start(self) -> None:
        """Wait for this executor's lock, recover what a process of the same name left, and begin to take work."""
        waited = 0
        while not self._lock.take():
            if waited % 10 == 0:
                event("lock_waiting", "warning", worker=self.worker, reason="another process has this worker's name")
            waited += 1
            time.sleep(1)
        self._stages.clean()
        if not self._environment.is_postgres:
            with closing(sqlite3.connect(self._environment.home / "dbos.sqlite", timeout=30)) as connection:
                use_wal(connection)
        os.environ.setdefault("DBOS_DISABLE_UPDATE_CHECK", "1")
        config: DBOSConfig = {
            "name": "akma",
            "system_database_url": self._url,
            "application_version": self.version,
            "executor_id": self.worker,
            "serializer": DBOSPortableJSON,
            "enable_otlp": False,
            "sys_db_idle_transaction_timeout_sec": 15.0,
            "log_level": "WARNING",
            "console_log_level": "WARNING",
        }
        self._client = DBOSClient(  # before what is recovered begins, which uses it
            system_database_url=self._url, serializer=DBOSPortableJSON, application_name="akma", lazy=True
        )
        DBOS(config=config)
        self._declare()
        DBOS.listen_queues(list(CONCURRENCY))
        DBOS.launch()
        for name, at_once in (CONCURRENCY | {"chunk": self._stages.chunks_at_once}).items():
            DBOS.register_queue(name, worker_concurrency=at_once, polling_interval_sec=self._often[name])

    def stop(self) -> None:
        """Take no more work, give what is in flight some seconds, and leave the rest to whoever comes next."""
        DBOS.destroy(workflow_completion_timeout_sec=SHUTDOWN_GRACE)
        self._stages.stopping.set()
        self._client.destroy()
        self._lock.release()

    def _declare(self) -> None:
        """The workflows; what they call may be called again, so that none needs steps."""

        def workflow(name: str, work: Callable[..., None]) -> None:
            def run(render_id: str, attempt: int, *arguments: int) -> None:
                piece = DBOS.workflow_id or name

                def now() -> None:
                    render = self._database.get(render_id)
                    if render is None or render.attempt != attempt:
                        return  # it began again, and this is of before
                    with self._quarantine.admit(piece, crashes):
                        work(render_id, *arguments)

                crashes = self._crashes(piece)
                if crashes:
                    metrics.rescued("job")
                self._try(name, render_id, now)

            DBOS.workflow(name=name, max_recovery_attempts=MAX_RECOVERY_ATTEMPTS)(run)

        # DBOS' own count is the last resort: it blames whatever is under way beside what kills.
        workflow("plan", self._plan)
        workflow("sound", self._sound)
        workflow("chunk", self._chunk)
        workflow("join", self._join)

    def _crashes(self, piece: str) -> int:
        """Processes that died while they did this."""
        found = self._client.list_workflows(workflow_ids=[piece], load_input=False, load_output=False)
        return max(0, (found[0].recovery_attempts or 1) - 1) if found else 0

    def _enqueue(self, name: str, render: Render, *arguments: int, priority: int = 1) -> None:
        """Once for the same arguments, however often it is called, until the render begins again."""
        options: EnqueueOptions = {
            "workflow_name": name,
            "queue_name": name,
            "workflow_id": "-".join([render.id, *map(str, [render.attempt, name, *arguments])]),
            "app_version": self.version,
            "priority": min(priority, 2**31 - 1),
        }
        self._client.enqueue(options, render.id, render.attempt, *arguments)

    # The workflows

    def _plan(self, render_id: str) -> None:
        self._database.update(render_id, stage="planning")
        plan, begun = self._stages.plan(render_id, lambda: self._database.fair_start_tag() + 1)
        if not begun:
            return
        event("render_planned", render=render_id, frames=plan.frames, chunks=plan.chunk_count)
        render = self._database.get(render_id)
        if render is None:
            return
        for index in range(min(WINDOW, plan.chunk_count)):
            self._enqueue_chunk(render, index)
        self._enqueue("sound", render)

    def _enqueue_chunk(self, render: Render, index: int) -> None:
        self._enqueue("chunk", render, index, priority=render.base + index + 1)

    def _sound(self, render_id: str) -> None:
        self._stages.sound(render_id)
        self._join_if_whole(render_id)

    def _chunk(self, render_id: str, index: int) -> None:
        missing = self._stages.chunk(render_id, index)
        render = self._database.get(render_id)
        if render and render.chunks and index + WINDOW < render.chunks:
            self._enqueue_chunk(render, index + WINDOW)
        if missing == 0:
            self._join_if_whole(render_id)

    def _join_if_whole(self, render_id: str) -> None:
        """Called after each half is written: whoever writes the second one finds both."""
        render = self._database.get(render_id)
        if (
            render
            and render.chunks == render.sound
            and self._database.progress([render_id])[render_id].segments == (render.chunks or -1)
        ):
            self._enqueue("join", render)

    def _join(self, render_id: str) -> None:
        if self._stages.finish(render_id):
            metrics.ended("done")
            event("render_done", render=render_id)

    # What goes wrong

    def _try(self, name: str, render_id: str, work: Callable[[], None]) -> None:
        """Do it; again, with pauses, where what is wrong may pass; else the render fails, and only it."""
        began, pause, failed = time.monotonic(), 1.0, False
        while True:
            try:
                work()
            except RenderStoppedError:
                metrics.tried(name, "stopped")
                if self._stages.stopping.is_set():
                    threading.Event().wait()  # stays in flight, for whoever comes next; the process is about to end
                self._stages.forget(render_id)
                return
            except Exception as error:
                reason = error if isinstance(error, AkmaError) else None
                code = reason.code if reason else "internal"
                if code == "database_unreachable" or (code in TRANSIENT and time.monotonic() - began < RETRY_FOR):
                    event("trying_again", "warning", render=render_id, stage=name, error=str(error), pause=pause)
                    metrics.tried(name, "again")
                    self._stages.stopping.wait(pause)
                    pause = min(pause * 2, MAX_BACKOFF)
                    continue
                if failed:
                    raise
                metrics.tried(name, "failed")
                work, failed = partial(self._fail, name, render_id, code, error), True  # tried again as well
            else:
                if not failed:
                    metrics.tried(name, "done")
                return

    def _fail(self, name: str, render_id: str, code: str, error: Exception) -> None:
        message = str(error) if isinstance(error, AkmaError) else f"a fault in AKMA itself ({type(error).__name__})"
        event("stage_failed", "error", render=render_id, stage=name, code=code, error=repr(error))
        self._database.note(render_id, f"{name}: {message}")
        if self._database.fail(render_id, code, message):
            metrics.ended("failed", code)
            event("render_failed", "error", render=render_id, code=code, error=message)
        self._stages.forget(render_id)

    # Now and then

    def periodic_tasks(self) -> list[PeriodicTask]:
        """Periodic tasks of this worker; only one worker at a time fails poisoned jobs and recovers dead ones'."""

        def recover_dead() -> None:
            if self._database.due("dead", 4):
                self.fail_poisoned()
                self.recover()

        return [
            PeriodicTask(self._often["dispatch"], self.dispatch),
            PeriodicTask(5.0, self.check_lock),
            PeriodicTask(5.0, recover_dead),
        ]

    def dispatch(self) -> None:
        """Enqueue what is new: renders that nobody has begun."""
        for render in self._database.queued(self.version):
            if render.version == "" and self._database.reassign(render.id, "", self.version):
                render = replace(render, version=self.version, attempt=render.attempt + 1)
            if render.version == self.version:
                self._enqueue_new("plan", render)

    def _enqueue_new(self, name: str, render: Render) -> None:
        """Enqueue what this process has not: the database would see that it is there, but need not be asked."""
        key = name, render.id, render.attempt
        if key not in self._seen:
            self._enqueue(name, render)
            if len(self._seen) > 10_000:
                self._seen.clear()
            self._seen.add(key)

    def fail_poisoned(self) -> None:
        """Fail renders whose job took MAX_RECOVERY_ATTEMPTS processes with it, or ended as it may not."""
        dead = self._client.list_workflows(
            status=["MAX_RECOVERY_ATTEMPTS_EXCEEDED", "ERROR"],
            app_version=self.version,
            load_input=False,
            load_output=False,
        )
        now = {(render.id, str(render.attempt)) for render in self._database.waiting()} if dead else set()
        for each in dead:
            render_id, attempt, _ = each.workflow_id.split("-", 2)
            if (render_id, attempt) not in now:
                continue
            message = "a part of it stopped the worker again and again: try another song, size or network"
            if self._database.fail(render_id, "poisoned", message):
                metrics.ended("failed", "poisoned")
                self._database.note(render_id, f"{each.workflow_id}: {each.status}")
                event("render_failed", "error", render=render_id, code="poisoned", workflow=each.workflow_id)

    def prune_workflows(self) -> None:
        """Remove what DBOS keeps for ever: its rows of renders that are over, after a day."""
        before = datetime.now(UTC) - timedelta(days=1)
        old = self._client.list_workflows(end_time=before.isoformat(), limit=1000, load_input=False, load_output=False)
        waiting = {render.id for render in self._database.waiting()} if old else set()
        self._client.delete_workflows(
            [each.workflow_id for each in old if each.workflow_id.partition("-")[0] not in waiting]
        )

    def check_lock(self) -> None:
        """See that this process is still the one of its name."""
        if not self._lock.held() and not self._lock.take():
            event("lock_lost", "error", worker=self.worker)
            os._exit(1)  # somebody else is this executor now

    def recover(self) -> None:
        """Take up the work of executors that died on other machines, and the renders of versions that are gone."""
        if self._environment.is_postgres:
            pending = self._client.list_workflows(
                status="PENDING", app_version=self.version, load_input=False, load_output=False
            )
            heard = {row["id"] for row in self._database.workers(HEARTBEAT_TIMEOUT)}
            for executor in {each.executor_id or "" for each in pending} - {self.worker}:
                if self._lock.free(executor, silent=executor not in heard):
                    # Not resume_workflow: that counts no tries, and takes from whoever was quicker to rescue it.
                    rescued = DBOS._recover_pending_workflows([executor])
                    event("work_rescued", "warning", executor=executor, workflows=len(rescued))
        if released := self._database.release_tasks():
            metrics.rescued("task", released)
            event("tasks_released", "warning", tasks=released)
        spoken = {row["version"] for row in self._database.workers(VERSION_TIMEOUT)} | {"", self.version}
        for render in self._database.waiting():
            if render.version not in spoken and self._database.reassign(render.id, render.version, self.version):
                metrics.rescued("render")
                event("render_adopted", "warning", render=render.id, version=render.version)
