"""What is over goes by age and by bytes: the oldest first, its marker before all else, again after a stop half-way."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from akma_core.database import Database
from akma_core.errors import FailureError
from akma_core.jobs.cleanup import delete_expired
from akma_core.storage import FileStorage
from tests.support.rows import accept

DAY = 86400.0
FILES = ("audio.wav", "chunks/00000.mp4", "done", "video.mp4")


class Listening(FileStorage):
    """Notes what is deleted, and fails after `patience` of that."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.deleted: list[str] = []
        self.patience = 1000

    def delete(self, key: str) -> None:
        if len(self.deleted) == self.patience:
            raise FailureError("gone", code="storage_unreachable")
        super().delete(key)
        self.deleted.append(key)


@pytest.fixture
def storage(tmp_path: Path) -> Listening:
    return Listening(tmp_path / "storage")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/akma.sqlite")
    yield database
    database.close()


def over(database: Database, storage: Listening, days: float, status: str = "done", size: int = 25) -> str:
    """A render that ended so many days ago; four files of `size` bytes."""
    render_id = accept(database, created=time.time() - days * DAY)
    for name in FILES:
        storage.put_bytes(f"renders/{render_id}/{name}", b"x" * size)
    if status == "done":
        database.finish(render_id)
    elif status == "failed":
        database.fail(render_id, "internal", "why")
    else:
        database.cancel(render_id)
    known = 4 * size if status == "done" else 0
    database.update(render_id, unless_over=False, finished=time.time() - days * DAY, bytes=known)
    return render_id


def left(database: Database, storage: Listening) -> set[str]:
    stored = {entry.key.split("/")[1] for entry in storage.list("renders/")}
    assert stored == {render.id for render in [*database.over(), *database.waiting()]}
    return stored


def test_what_is_too_old_goes_whatever_became_of_it(database: Database, storage: Listening) -> None:
    for status in ("done", "failed", "cancelled"):
        over(database, storage, 31, status)
    young = over(database, storage, 29)
    waiting = accept(database, created=time.time() - 99 * DAY)
    storage.put_bytes(f"renders/{waiting}/audio.wav", b"x")
    assert delete_expired(database, storage, time.time(), 30, None) == 3
    assert left(database, storage) == {young, waiting}
    assert delete_expired(database, storage, time.time(), 30, None) == 0


def test_the_oldest_go_until_the_rest_is_small_enough(database: Database, storage: Listening) -> None:
    ids = [
        over(database, storage, days, status)
        for days, status in ((4, "failed"), (3, "done"), (2, "cancelled"), (1, "done"))
    ]
    assert delete_expired(database, storage, time.time(), 30, 400) == 0
    assert delete_expired(database, storage, time.time(), 30, 399) == 1
    assert left(database, storage) == set(ids[1:])
    assert delete_expired(database, storage, time.time(), 30, 200) == 1
    assert left(database, storage) == set(ids[2:])
    assert delete_expired(database, storage, time.time(), 30, 0) == 2


def test_the_marker_goes_first(database: Database, storage: Listening) -> None:
    render_id = over(database, storage, 31)
    delete_expired(database, storage, time.time(), 30, None)
    assert storage.deleted[0] == f"renders/{render_id}/done"
    assert len(storage.deleted) == len(FILES)


@pytest.mark.parametrize("patience", range(8))
def test_it_goes_on_after_a_stop_half_way(database: Database, storage: Listening, patience: int) -> None:
    ids = [over(database, storage, days) for days in (32, 31)]
    storage.patience = patience
    with pytest.raises(FailureError):
        delete_expired(database, storage, time.time(), 30, None)
    for render_id in ids:  # never a video that says it is whole and is not
        keys = {entry.key.rpartition("/")[2] for entry in storage.list(f"renders/{render_id}/")}
        assert "done" not in keys or len(keys) == len(FILES)
    storage.patience = 1000
    delete_expired(database, storage, time.time(), 30, None)
    assert left(database, storage) == set()
