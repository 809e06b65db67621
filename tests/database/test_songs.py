"""Rows of songs on every database: many owners of the same bytes, and when those may go."""

import time
from dataclasses import replace

import pytest

from akma_core.database import Database, Song
from tests.support.rows import accept

ID = "a" * 64


def song(owner: str = "ann", song_id: str = ID, at: float = 1000.0, suffix: str = ".wav") -> Song:
    return Song(
        owner=owner, id=song_id, created=at, used=at, name="x.wav", audio=f"songs/{song_id}/audio{suffix}", bytes=1,
        duration=1.0, sample_rate=8000, channels=1,
    )  # fmt: skip


def test_owners_of_the_same_bytes_share_a_key(database: Database) -> None:
    assert database.keep_song(song()) == (song(), True)
    other, new = database.keep_song(song("bob", suffix=".mp3"))
    assert (other.audio, new) == (song().audio, True)
    again, new = database.keep_song(replace(song(at=2000.0), name="y.wav"))
    assert (again.name, again.created, again.used, new) == ("y.wav", 1000.0, 2000.0, False)
    assert database.song(ID, "eve") is None
    assert database.song(ID, None) is not None


def test_pages(database: Database) -> None:
    for k in range(5):
        database.keep_song(song(song_id=f"{k:064x}", at=1000.0 + k))
    first = database.song_page("ann", None, 3)
    rest = database.song_page("ann", (first[-1].created, first[-1].id), 3)
    assert [int(each.id, 16) for each in first + rest] == [4, 3, 2, 1, 0]
    assert database.song_page("bob", None, 3) == []


def test_bytes_go_when_nobody_has_them_and_no_render_is_of_them(database: Database) -> None:
    removed: list[str] = []
    database.keep_song(song())
    assert not database.drop_song(ID, lambda: removed.append("too early"))
    render = accept(database)
    database.update(render, audio=song().audio)
    assert database.rendered_songs([song().audio, "songs/b/audio"]) == {song().audio}
    assert database.expired_songs(time.time()) == []
    database.forget_song(ID, "ann")
    assert not database.drop_song(ID, lambda: removed.append("a render is of it"))
    database.forget(render)
    assert database.drop_song(ID, lambda: removed.append("now"))
    assert removed == ["now"]


def test_one_that_was_asked_for_of_late_stays(database: Database) -> None:
    database.keep_song(song())
    assert [each.id for each in database.expired_songs(2000.0)] == [ID]
    database.touch_song(song())
    assert database.expired_songs(time.time() - 60) == []
    kept = database.song(ID, "ann")
    assert kept is not None
    database.touch_song(kept)
    assert database.song(ID, "ann") == kept


def test_a_failure_in_the_middle_changes_nothing(database: Database) -> None:
    def fail() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        database.drop_song(ID, fail)
    assert database.keep_song(song())[1]
