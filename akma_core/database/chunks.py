"""Rows of chunks: in work, whole."""

import json
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from akma_core.database.engine import Engine
from akma_core.database.schema import ChunkProgress, Row, renders, segments
from akma_core.status import WAITING

STILL = 60.0  # seconds


class Chunks(Engine):
    """See the module."""

    def pulse(self, worker: str, progress_rows: Iterable[ChunkProgress]) -> None:
        """Note how far `worker` is with its chunks."""
        now = self._now()
        with self._write() as connection:
            for each in progress_rows:
                connection.execute(
                    sa.update(segments)
                    .where(segments.c.render == each.render, segments.c["index"] == each.index, segments.c.whole == 0)
                    .values(done=each.done, rate=each.rate, updated=now, worker=worker)
                )

    def alive(self, ids: Iterable[str], version: str | None = None) -> set[str]:
        """Filter `ids`: those that are neither over nor deleted, nor another version's."""
        query = sa.select(renders.c.id).where(renders.c.id.in_(set(ids)), renders.c.status.in_(WAITING))
        if version is not None:
            query = query.where(renders.c.version == version)
        with self._read() as connection:
            return set(connection.execute(query).scalars())

    def finish_segment(self, render_id: str, index: int, worker: str, notes: Sequence[str], *, rendered: bool) -> int:
        """A chunk is in storage; `rendered` unless it was found there. Returns how many chunks are still missing."""
        with self._write() as connection:
            connection.execute(
                sa.update(segments)
                .where(segments.c.render == render_id, segments.c["index"] == index)
                .values(
                    whole=1,
                    done=segments.c.frames,
                    updated=self._now(),
                    worker=worker,
                    rendered=segments.c.rendered + int(rendered),
                    notes=json.dumps(list(notes)),
                )
            )
        # After the commit: of two that write the last two at once, neither would see the other's before.
        missing = sa.select(sa.func.count()).where(segments.c.render == render_id, segments.c.whole == 0)
        with self._read() as connection:
            return connection.execute(missing).scalar_one()

    def segments(self, render_id: str) -> list[Row]:
        """Rows of its chunks in their order."""
        query = sa.select(segments).where(segments.c.render == render_id).order_by(segments.c["index"])
        with self._read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def fair_start_tag(self) -> int:
        """Fair start tag: a new render's first chunk stands beside the next ones of those that run, not behind all.

        This is start-time fair queueing (Goyal et al. 1996) with a chunk as the unit; a render that stands still for a
        minute is not waited for.
        """
        done = (
            sa.select(
                segments.c.render,
                sa.func.sum(segments.c.whole).label("whole"),
                sa.func.max(segments.c.updated).label("heard"),
            )
            .group_by(segments.c.render)
            .subquery()
        )
        query = (
            sa.select(sa.func.min(renders.c.base + sa.func.coalesce(done.c.whole, 0)))
            .select_from(renders.outerjoin(done, renders.c.id == done.c.render))
            .where(renders.c.status == "running", renders.c.stage == "rendering")
            .where(sa.or_(done.c.heard > self._now() - STILL, renders.c.updated > self._now() - STILL))
        )
        with self._read() as connection:
            return connection.execute(query).scalar_one() or 0
