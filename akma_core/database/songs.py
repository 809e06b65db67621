"""Rows of songs: who owns which bytes, since when, and which of them nobody needs any more."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from akma_core.database.engine import Engine
from akma_core.database.schema import Song, renders, songs

TOUCHED = 3600.0  # seconds between two notes that a song is in use: a slider asks many times a second


class Songs(Engine):
    """See the module."""

    def keep_song(self, song: Song) -> tuple[Song, bool]:
        """Keep a song of an owner's, and whether it is new to them; one of before has its new name.

        The key of its audio is the one that other owners of the same bytes have.
        """
        mine = sa.and_(songs.c.owner == song.owner, songs.c.id == song.id)
        with self._write() as connection:
            self._serialize(connection)
            key = connection.execute(sa.select(songs.c.audio).where(songs.c.id == song.id).limit(1)).scalar()
            row = asdict(song) | {"audio": key or song.audio}
            again = {"name": song.name, "used": song.used}
            if connection.execute(sa.update(songs).where(mine).values(again)).rowcount:
                return _song(connection.execute(sa.select(songs).where(mine)).one()), False
            connection.execute(sa.insert(songs).values(row))
        return Song(**row), True

    def song(self, song_id: str, owner: str | None) -> Song | None:
        """The song that `owner` has, or anybody where that is None."""
        query = sa.select(songs).where(songs.c.id == song_id).order_by(songs.c.created).limit(1)
        if owner is not None:
            query = query.where(songs.c.owner == owner)
        with self._read() as connection:
            row = connection.execute(query).first()
        return _song(row) if row else None

    def touch_song(self, song: Song) -> None:
        """Note that it is in use, at most once an hour."""
        now = self.now()
        if now - song.used < TOUCHED:
            return
        mine = sa.and_(songs.c.owner == song.owner, songs.c.id == song.id)
        with self._write() as connection:
            connection.execute(sa.update(songs).where(mine).values(used=now))

    def song_page(self, owner: str | None, cursor: tuple[float, str] | None, limit: int) -> list[Song]:
        """The newest first, of one owner or all; `cursor` is (created, id) of the last one seen."""
        query = self._newest(songs, owner, cursor, limit).order_by(songs.c.owner)
        with self._read() as connection:
            return [_song(row) for row in connection.execute(query)]

    def forget_song(self, song_id: str, owner: str | None) -> bool:
        """Take a song off an owner's list, or everybody's; False where it is not there."""
        query = sa.delete(songs).where(songs.c.id == song_id)
        if owner is not None:
            query = query.where(songs.c.owner == owner)
        with self._write() as connection:
            return connection.execute(query).rowcount > 0

    def rendered_songs(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` of audio that a render is of, whatever its status."""
        query = sa.select(renders.c.audio).distinct().where(renders.c.audio.in_(set(keys)))
        with self._read() as connection:
            return set(connection.execute(query).scalars())

    def expired_songs(self, used_before: float) -> list[Song]:
        """Songs that nobody asked for since `used_before` and no render is of."""
        needed = sa.select(renders.c.audio).where(renders.c.audio.like("songs/%"))
        query = sa.select(songs).where(songs.c.used < used_before, songs.c.audio.not_in(needed))
        with self._read() as connection:
            return [_song(row) for row in connection.execute(query)]

    def drop_song(self, song_id: str, remove: Callable[[], object]) -> bool:
        """Call `remove` while nobody can begin to own the song, where nobody owns it and no render needs it."""
        needing = sa.or_(renders.c.audio.like(f"songs/{song_id}/%"), renders.c.files.like(f"%songs/{song_id}/%"))
        with self._write() as connection:
            self._serialize(connection)
            owned = connection.execute(sa.select(songs.c.id).where(songs.c.id == song_id).limit(1)).first()
            needed = connection.execute(sa.select(renders.c.id).where(needing).limit(1)).first()
            if owned or needed:
                return False
            remove()
        return True


def _song(row: sa.Row[Any]) -> Song:
    return Song(**row._mapping)
