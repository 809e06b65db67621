"""Workers and what they are asked for in passing; log lines; facts that all nodes share."""

import json
from collections.abc import Collection
from uuid import uuid4

import sqlalchemy as sa

from akma_core.database.engine import Engine
from akma_core.database.schema import Row, events, facts, tasks, workers

FRESH = 10.0  # seconds after which a worker that says nothing counts as gone
MAX_EVENTS = 500  # lines of a render's log that are read, the latest
SILENT = 30.0  # seconds after which what a worker had in hand is given to another
KEPT = 3600.0  # seconds that an task is kept


class WorkerTasks(Engine):
    """See the module."""

    def beat(self, worker: str, version: str, profile: str, device: str, frames: int) -> None:
        """A worker lives, and has rendered `frames` since it started."""
        row = {"version": version, "profile": profile, "device": device, "seen": self._now(), "frames": frames}
        with self._write() as connection:
            if not connection.execute(sa.update(workers).where(workers.c.id == worker).values(row)).rowcount:
                connection.execute(sa.insert(workers).values(id=worker, **row))

    def workers(self, within: float = FRESH) -> list[Row]:
        """Rows of the workers that were heard of in the last `within` seconds."""
        query = sa.select(workers).where(workers.c.seen > self._now() - within).order_by(workers.c.id)
        with self._read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def ask(self, kind: str, request: Row) -> str:
        """Ask any worker for something short; the task's id."""
        task = uuid4().hex
        with self._write() as connection:
            row = {"id": task, "created": self._now(), "kind": kind, "request": json.dumps(request)}
            connection.execute(sa.insert(tasks).values(row))
            connection.execute(sa.delete(tasks).where(tasks.c.created < self._now() - KEPT))
        return task

    def claim(
        self, worker: str, kinds: Collection[str] | None = None, but: Collection[str] = ()
    ) -> tuple[str, str, Row] | None:
        """Take the oldest task that nobody has, of some `kinds` or of all `but` some: id, kind, request."""
        with self._read() as connection:
            free = tasks.c.worker.is_(None), tasks.c.kind.not_in(but)
            oldest = sa.select(tasks).where(*free).order_by(tasks.c.created).limit(1)
            if kinds is not None:
                oldest = oldest.where(tasks.c.kind.in_(kinds))
            row = connection.execute(oldest).first()
        if row is None:
            return None
        with self._write() as connection:
            mine = sa.update(tasks).where(tasks.c.id == row.id, tasks.c.worker.is_(None)).values(worker=worker)
            taken = connection.execute(mine).rowcount > 0
        return (row.id, row.kind, json.loads(row.request)) if taken else None

    def release_tasks(self, worker: str | None = None) -> int:
        """Let others take what `worker` had in hand when it died, or what all had that are silent; how many went back.

        Once: what took two workers with it fails.
        """
        heard = sa.select(workers.c.id).where(workers.c.seen > self._now() - SILENT)
        dead = tasks.c.worker.not_in(heard) if worker is None else tasks.c.worker == worker
        released = 0
        with self._write() as connection:
            for row in connection.execute(sa.select(tasks).where(dead, tasks.c.answer.is_(None))).all():
                request = json.loads(row.request)
                values: dict[str, str | None]
                same = sa.update(tasks).where(tasks.c.id == row.id, tasks.c.worker == row.worker)
                if request.get("tried"):
                    message = "it stopped the worker twice: try another size or network"
                    values = {"answer": '{"failure": true}', "error_code": "poisoned", "error_message": message}
                else:
                    values = {"worker": None, "request": json.dumps(request | {"tried": True})}
                    released += 1
                connection.execute(same.values(values))
        return released

    def answer(self, task: str, answer: Row | None, code: str | None = None, message: str | None = None) -> None:
        """Store the outcome of a task: an answer, or an error."""
        values = {"answer": json.dumps(answer), "error_code": code, "error_message": message}
        with self._write() as connection:
            connection.execute(sa.update(tasks).where(tasks.c.id == task).values(values))

    def answered(self, task: str) -> Row | None:
        """The row of an task that was answered; None before."""
        query = sa.select(tasks).where(tasks.c.id == task, tasks.c.answer.is_not(None))
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
        return dict(row) if row else None

    def withdraw(self, task: str) -> None:
        """Ask for a task no more; who does it may stop."""
        with self._write() as connection:
            connection.execute(sa.delete(tasks).where(tasks.c.id == task))

    def is_wanted(self, task: str) -> bool:
        """False for a task that was withdrawn."""
        with self._read() as connection:
            return connection.execute(sa.select(tasks.c.id).where(tasks.c.id == task)).first() is not None

    def note(self, render_id: str, text: str) -> None:
        """Keep a line in the log of a render."""
        with self._write() as connection:
            connection.execute(sa.insert(events).values(render=render_id, at=self._now(), text=text[:2000]))

    def notes(self, render_id: str) -> list[tuple[float, str]]:
        """The latest lines of its log, the oldest first."""
        query = (
            sa.select(events.c.at, events.c.text)
            .where(events.c.render == render_id)
            .order_by(events.c.number.desc())
            .limit(MAX_EVENTS)
        )
        with self._read() as connection:
            return [(row.at, row.text) for row in connection.execute(query)][::-1]

    def fact(self, key: str, value: str) -> str:
        """Get what is kept under `key`: `value` unless somebody was faster."""
        with self._write() as connection:
            self._serialize(connection)
            known = _known(connection, key)
            if known is None:
                _replace(connection, key, value)
        return value if known is None else known

    def kept(self, key: str) -> str | None:
        """Get what is kept under `key`, if anything is."""
        with self._read() as connection:
            return _known(connection, key)

    def keep(self, key: str, value: str) -> None:
        """Keep `value` under `key`, in place of what is there."""
        with self._write() as connection:
            self._serialize(connection)
            _replace(connection, key, value)

    def count(self, key: str) -> int:
        """Count this call and return how often it was made with `key`."""
        with self._write() as connection:
            self._serialize(connection)
            number = int(_known(connection, key) or 0) + 1
            _replace(connection, key, str(number))
        return number

    def due(self, key: str, every: float) -> bool:
        """True for one of all that ask, once in `every` seconds."""
        with self._write() as connection:
            self._serialize(connection)
            now = float(connection.execute(sa.select(self._now())).scalar_one())
            last = _known(connection, key)
            if last is not None and 0 <= now - float(last) < every:
                return False
            _replace(connection, key, str(now))
        return True


def _known(connection: sa.Connection, key: str) -> str | None:
    """The value of a fact; None where there is none."""
    return connection.execute(sa.select(facts.c.value).where(facts.c.key == key)).scalar()


def _replace(connection: sa.Connection, key: str, value: str) -> None:
    connection.execute(sa.delete(facts).where(facts.c.key == key))
    connection.execute(sa.insert(facts).values(key=key, value=value))
