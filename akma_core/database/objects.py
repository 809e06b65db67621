"""Checksums of each render's objects, size and SHA-256, written before the object is put."""

from dataclasses import dataclass

import sqlalchemy as sa

from akma_core.database.engine import Engine
from akma_core.database.schema import objects, renders
from akma_core.status import WAITING

SONG = "song"
"""Name of a render's song, wherever it lies."""


@dataclass(frozen=True)
class Checksum:
    """Size and digest that an object's bytes should have."""

    bytes: int
    sha256: str


class Objects(Engine):
    """See the module. `name`: an object's key without the render's prefix, such as chunks/00003.mp4; or SONG."""

    def expect(self, render_id: str, name: str, checksum: Checksum, version: str | None = None) -> bool:
        """Keep what is about to be put. False, and nothing is kept, where the render is over or not `version`'s.

        `version` None: whatever becomes of the render, known or not.
        """
        mine = sa.select(renders.c.id).where(
            renders.c.id == render_id, renders.c.version == version, renders.c.status.in_(WAITING)
        )
        values = {"bytes": checksum.bytes, "sha256": checksum.sha256}
        changed = sa.update(objects).where(objects.c.render == render_id, objects.c.name == name).values(values)
        with self._write() as connection:
            self._serialize(connection)
            if version is not None and connection.execute(mine).first() is None:
                return False
            if not connection.execute(changed).rowcount:
                connection.execute(sa.insert(objects).values(render=render_id, name=name, **values))
        return True

    def expected(self, render_id: str) -> dict[str, Checksum]:
        """Checksums of its objects, by name."""
        query = sa.select(objects).where(objects.c.render == render_id)
        with self._read() as connection:
            return {row.name: Checksum(row.bytes, row.sha256) for row in connection.execute(query)}

    def checksum(self, render_id: str, name: str) -> Checksum | None:
        """Checksum of one of its objects; None where nothing was put, or an AKMA of before put it."""
        query = sa.select(objects).where(objects.c.render == render_id, objects.c.name == name)
        with self._read() as connection:
            row = connection.execute(query).first()
        return Checksum(row.bytes, row.sha256) if row else None

    def expect_nothing(self, render_id: str) -> None:
        """Forget what its objects should be, the song too."""
        with self._write() as connection:
            connection.execute(sa.delete(objects).where(objects.c.render == render_id))
