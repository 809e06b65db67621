"""Rows of renders: accepted within caps, listed, updated, ended; how far they are."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from akma_core.database.engine import Engine
from akma_core.database.objects import SONG
from akma_core.database.schema import Caps, Progress, Render, events, facts, objects, renders, segments, workers
from akma_core.errors import RequestError
from akma_core.status import TRANSITIONS, WAITING, Transition

FRESH = 10.0  # seconds after which a rate says nothing any more, and a worker that is silent counts as gone

# What is asked hundreds of times a second is put together once.
ONE = sa.select(renders).where(renders.c.id == sa.bindparam("id"))
QUEUE = sa.select(renders.c.id).where(renders.c.status == "queued").order_by(renders.c.created, renders.c.id)
ALIVE = sa.select(workers.c.id).limit(1)
FRESH_RATE = sa.and_(segments.c.whole == 0, segments.c.updated > sa.bindparam("recent"))
FAR = (
    sa.select(
        segments.c.render,
        sa.func.sum(sa.case((segments.c.whole == 1, segments.c.frames), else_=segments.c.done)),
        sa.func.sum(sa.case((FRESH_RATE, segments.c.rate), else_=sa.literal(0.0))),
        sa.func.coalesce(
            sa.func.min(sa.case((segments.c.whole == 0, segments.c["index"]), else_=None)), sa.func.count()
        ),
    )
    .where(segments.c.render.in_(sa.bindparam("ids", expanding=True)))
    .group_by(segments.c.render)
)


class Renders(Engine):
    """See the module."""

    def accept(self, render: Render, caps: Caps) -> Render:
        """Keep a new render; the older one where its owner used the idempotency key before.

        RequestError: idempotency_conflict where that one was another wish, queue_full beyond a cap.
        """
        with self._write() as connection:
            self._serialize(connection)
            older = _keyed(connection, render.owner, render.idempotency_key)
            if older:
                if older.fingerprint != render.fingerprint:
                    message = "this Idempotency-Key came with another request before: use a new one"
                    raise RequestError(message, code="idempotency_conflict", field="Idempotency-Key")
                return older
            _check_caps(connection, render.owner, render.seconds, caps)
            row = {field.name: getattr(render, field.name) for field in fields(Render)} | {"updated": render.created}
            connection.execute(sa.insert(renders).values(row))
        return render

    def keyed(self, owner: str, idempotency_key: str | None) -> Render | None:
        """The render that came with this key; None without a key."""
        with self._read() as connection:
            return _keyed(connection, owner, idempotency_key)

    def check_caps(self, owner: str, caps: Caps) -> None:
        """RequestError, queue_full, where `accept` would refuse whatever comes: to ask before a long upload."""
        with self._read() as connection:
            _check_caps(connection, owner, 0.0, caps)

    def get(self, render_id: str) -> Render | None:
        with self._read() as connection:
            row = connection.execute(ONE, {"id": render_id}).first()
        return _render(row) if row else None

    def _all(self, query: sa.Select[Any]) -> list[Render]:
        with self._read() as connection:
            return [_render(row) for row in connection.execute(query)]

    def page(
        self, owner: str | None, cursor: tuple[float, str] | None, limit: int, status: str | None = None
    ) -> list[Render]:
        """The newest first, of one owner or all; `cursor` is (created, id) of the last one seen."""
        query = self._newest(renders, owner, cursor, limit)
        return self._all(query if status is None else query.where(renders.c.status == status))

    def several(self, ids: Iterable[str]) -> dict[str, Render]:
        """Get those of `ids` that are known."""
        query = sa.select(renders).where(renders.c.id.in_(set(ids)))
        return {render.id: render for render in self._all(query)}

    def waiting(self) -> list[Render]:
        """Renders that are queued or running, the oldest first."""
        query = sa.select(renders).where(renders.c.status.in_(WAITING)).order_by(renders.c.created, renders.c.id)
        return self._all(query)

    def queued(self, version: str) -> list[Render]:
        """Renders in the queue that are of `version`, or of none yet, the oldest first."""
        query = sa.select(renders).where(renders.c.status == "queued", renders.c.version.in_(["", version]))
        return self._all(query.order_by(renders.c.created, renders.c.id))

    def over(self) -> list[Render]:
        """Renders that are done, failed or cancelled, the one that ended first first."""
        query = sa.select(renders).where(renders.c.status.not_in(WAITING)).order_by(renders.c.finished, renders.c.id)
        return self._all(query)

    def update(self, render_id: str, *, unless_over: bool = True, **values: Any) -> bool:
        """Set columns of a render; False where there is none, or it is over and that matters."""
        query = sa.update(renders).where(renders.c.id == render_id).values(updated=self._now(), **values)
        if unless_over:
            query = query.where(renders.c.status.in_(WAITING))
        with self._write() as connection:
            return connection.execute(query).rowcount > 0

    def start(self, render_id: str, sizes: Sequence[int], **values: Any) -> bool:
        """Start a render that has a plan: frames of each chunk, and columns that the plan decides; False where over."""
        with self._write() as connection:
            begun = {"stage": "rendering", "chunks": len(sizes)} | values
            if not self._transit(connection, "start", renders.c.id == render_id, **begun):
                return False
            known = sa.select(sa.func.count()).where(segments.c.render == render_id)
            if not connection.execute(known).scalar_one():
                rows = [{"render": render_id, "index": index, "frames": each} for index, each in enumerate(sizes)]
                connection.execute(sa.insert(segments), rows)
        return True

    def finish(self, render_id: str, **values: Any) -> bool:
        """Note that its video is there, with columns that say how large it is; False where it is over already."""
        return self._end(render_id, "finish", stage="done", **values)

    def fail(self, render_id: str, code: str, message: str) -> bool:
        """Note why it failed; False where it is over already."""
        return self._end(render_id, "fail", error_code=code, error_message=message)

    def cancel(self, render_id: str) -> bool:
        """Cancel it; False where it is over already."""
        return self._end(render_id, "cancel")

    def _end(self, render_id: str, transition: Transition, **values: Any) -> bool:
        with self._write() as connection:
            return self._transit(connection, transition, renders.c.id == render_id, finished=self._now(), **values)

    def reassign(self, render_id: str, old: str, new: str) -> bool:
        """Restart it as a render of version `new`'s; False where it is not `old`'s any more, or over."""
        mine = sa.and_(renders.c.id == render_id, renders.c.version == old)
        anew = {"version": new, "stage": "waiting", "chunks": None, "sound": 0, "attempt": renders.c.attempt + 1}
        with self._write() as connection:
            if not self._transit(connection, "restart", mine, **anew):
                return False
            connection.execute(sa.delete(segments).where(segments.c.render == render_id))
            connection.execute(sa.delete(objects).where(objects.c.render == render_id, objects.c.name != SONG))
        return True

    def unsent(self) -> list[Render]:
        """Renders that are over and whose webhook has not been called."""
        query = sa.select(renders).where(
            renders.c.webhook_url.is_not(None), renders.c.webhook.is_(None), renders.c.status.not_in(WAITING)
        )
        return self._all(query)

    def forget(self, render_id: str) -> None:
        """Remove every trace of a render."""
        with self._write() as connection:
            connection.execute(sa.delete(segments).where(segments.c.render == render_id))
            connection.execute(sa.delete(objects).where(objects.c.render == render_id))
            connection.execute(sa.delete(events).where(events.c.render == render_id))
            connection.execute(sa.delete(facts).where(facts.c.key.startswith(f"tries-{render_id}-")))
            connection.execute(sa.delete(renders).where(renders.c.id == render_id))

    def progress(self, ids: Iterable[str]) -> dict[str, Progress]:
        """Get the progress of each of them; renders without chunks yet are at 0."""
        wanted = list(ids)
        with self._read() as connection:
            heard = ALIVE.where(workers.c.seen > self._now() - FRESH).exists()
            now, alive = connection.execute(sa.select(self._now(), heard)).one()
            sums = connection.execute(FAR, {"ids": wanted, "recent": now - FRESH})
            far = {row[0]: (int(row[1]), float(row[2]), int(row[3])) for row in sums}
            begun = far.keys() >= set(wanted)  # what has chunks is not in the queue
            places = {} if begun else {row[0]: place for place, row in enumerate(connection.execute(QUEUE))}
        found = {}
        for key in wanted:
            done, speed, prefix = far.get(key, (0, 0.0, 0))
            found[key] = Progress(
                frames_done=done, rate=speed, segments=prefix, position=places.get(key), has_device=bool(alive)
            )
        return found

    def backlog(self) -> tuple[float, float]:
        """Seconds of video that are not rendered yet, of all renders; seconds that the oldest of the queue waits."""
        done = sa.func.sum(sa.case((segments.c.whole == 1, segments.c.frames), else_=segments.c.done))
        far = sa.select(segments.c.render, done.label("done")).group_by(segments.c.render).subquery()
        missing = 1.0 - sa.func.coalesce(far.c.done, 0) / (1.0 * renders.c.frames)
        query = (
            sa.select(sa.func.coalesce(sa.func.sum(renders.c.seconds * missing), 0.0))
            .select_from(renders.outerjoin(far, renders.c.id == far.c.render))
            .where(renders.c.status.in_(WAITING))
        )
        oldest = sa.select(sa.func.min(renders.c.created)).where(renders.c.status == "queued")
        with self._read() as connection:
            left = float(connection.execute(query).scalar_one())
            since = connection.execute(oldest).scalar_one()
        return max(0.0, left), max(0.0, self.now() - since) if since else 0.0

    def counts(self) -> dict[str, tuple[int, float]]:
        """Renders and their seconds of video, by status."""
        query = sa.select(renders.c.status, sa.func.count(), sa.func.sum(renders.c.seconds)).group_by(renders.c.status)
        with self._read() as connection:
            return {row[0]: (row[1], float(row[2])) for row in connection.execute(query)}

    def _transit(
        self, connection: sa.Connection, transition: Transition, which: sa.ColumnElement[bool], **values: Any
    ) -> bool:
        """Take the transition, in one statement so that of two at once one wins; False where the render is over."""
        query = sa.update(renders).where(which, renders.c.status.in_(WAITING))
        values |= {"status": TRANSITIONS[transition], "updated": self._now()}
        return connection.execute(query.values(values)).rowcount > 0


def _keyed(connection: sa.Connection, owner: str, key: str | None) -> Render | None:
    if key is None:
        return None
    query = sa.select(renders).where(renders.c.owner == owner, renders.c.idempotency_key == key)
    row = connection.execute(query).first()
    return _render(row) if row else None


def _check_caps(connection: sa.Connection, owner: str, seconds: float, caps: Caps) -> None:
    """RequestError, queue_full, where `owner` may not have so many more seconds of video in the queue."""
    jobs, waiting, own = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(renders.c.seconds), 0.0),
            sa.func.coalesce(sa.func.sum(sa.case((renders.c.owner == owner, 1), else_=0)), 0),
        ).where(renders.c.status.in_(WAITING))
    ).one()
    if own >= caps.key:
        message = f"{own} of your renders are waiting or running, the most there may be: try again later"
        raise RequestError(message, code="queue_full")
    if jobs >= caps.jobs or waiting + seconds > caps.seconds > 0:
        message = f"the queue is full ({jobs} renders, {waiting:.0f} seconds of video): try again later"
        raise RequestError(message, code="queue_full")


def _render(row: sa.Row[Any]) -> Render:
    return Render(**{column.key: row._mapping[column] for column in renders.c})
