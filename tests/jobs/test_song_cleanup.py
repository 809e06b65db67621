"""Songs go by age, with their bytes where nobody else needs them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from akma_core.database import Database
from akma_core.jobs.song_cleanup import delete_expired_songs, delete_unowned
from akma_core.storage import FileStorage
from akma_core.storage.layout import peaks_key, seed_key
from tests.database.test_songs import song
from tests.support.rows import accept

DAY = 86400.0


@pytest.fixture
def storage(tmp_path: Path) -> FileStorage:
    return FileStorage(tmp_path / "storage")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/akma.sqlite")
    yield database
    database.close()


def keep(database: Database, storage: FileStorage, owner: str, letter: str, days: float) -> str:
    kept = song(owner, letter * 64, time.time() - days * DAY)
    database.keep_song(kept)
    storage.put_bytes(kept.audio, b"song")
    storage.put_bytes(peaks_key(kept.id), b"peaks")
    return kept.id


def ids(storage: FileStorage) -> str:
    return "".join(sorted({entry.key[6] for entry in storage.list("songs/")}))


def test_old_songs_go_unless_somebody_needs_them(database: Database, storage: FileStorage) -> None:
    keep(database, storage, "ann", "a", 40)
    keep(database, storage, "ann", "b", 1)
    keep(database, storage, "ann", "c", 40)
    keep(database, storage, "bob", "c", 1)
    rendered = keep(database, storage, "ann", "d", 40)
    render = accept(database)
    database.update(render, audio=f"songs/{rendered}/audio.wav")
    assert delete_expired_songs(database, storage, time.time(), 30) == 2
    assert ids(storage) == "bcd"
    assert [each.id[0] for each in database.song_page("ann", None, 9)] == ["b", "d"]
    database.forget(render)
    assert delete_expired_songs(database, storage, time.time(), 30) == 1
    assert ids(storage) == "bc"


def test_what_a_dead_process_left_goes_after_a_day(database: Database, storage: FileStorage, tmp_path: Path) -> None:
    for letter in "ab":
        storage.put_bytes(f"songs/{letter * 64}/audio.wav", b"song")
    old = time.time() - 2 * DAY
    os.utime(tmp_path / "storage" / "songs" / ("a" * 64) / "audio.wav", (old, old))
    new, stale = seed_key("d", "128-0-1", 1), seed_key("d", "128-0-1", 2)
    for key in (new, stale):
        storage.put_bytes(key, b"jpeg")
    os.utime(tmp_path / "storage" / stale, (old - 40 * DAY,) * 2)
    assert delete_unowned(database, storage, time.time()) == [f"songs/{'a' * 64}/", stale]
    assert ids(storage) == "b"
    assert storage.exists(new)
