"""No removal by age while a clock is in doubt: jumps of a running process, doubtful starts, machines that differ."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from akma_core.database import Database
from akma_core.jobs import clock
from akma_core.jobs.cleanup import delete_expired
from akma_core.jobs.clock import LONG_PAUSE, PAUSE, CleanUpClock
from akma_core.storage import FileStorage
from tests.support.rows import accept

HOUR, DAY = 3600.0, 86400.0


class Hands:
    """What this machine's clock says and how long it runs, in seconds, both moved by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall, self.running = time.time(), 1000.0
        monkeypatch.setattr(time, "time", lambda: self.wall)
        monkeypatch.setattr(clock, "running_time", lambda: self.running)

    def run(self, seconds: float) -> None:
        self.wall += seconds
        self.running += seconds

    def off(self, seconds: float) -> None:
        """The machine is off: what counts how long it runs begins anew."""
        self.wall += seconds
        self.running = 10.0


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(monkeypatch)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/akma.sqlite")
    yield database
    database.close()


def started(database: Database) -> CleanUpClock:
    """The clock of a process that has cleaned up once."""
    cleaning = CleanUpClock(database)
    cleaning.now()
    return cleaning


def test_a_clock_that_goes_as_it_should_is_believed(database: Database, hands: Hands) -> None:
    cleaning = CleanUpClock(database)
    for _ in range(5):
        assert cleaning.now() == pytest.approx(hands.wall)
        hands.run(10 * DAY)
    cleaning.now()
    hands.off(6 * DAY)
    assert CleanUpClock(database).now() == pytest.approx(hands.wall)


@pytest.mark.parametrize("jump", [31 * DAY, 1.5 * HOUR, -1.5 * HOUR, -31 * DAY])
def test_a_jump_while_running_removes_nothing_for_a_day_of_running(
    database: Database, hands: Hands, jump: float
) -> None:
    cleaning = started(database)
    hands.wall += jump
    assert cleaning.now() is None
    hands.run(LONG_PAUSE - 60)
    assert cleaning.now() is None
    hands.off(60)  # a restart does not end it
    cleaning = CleanUpClock(database)
    assert cleaning.now() is None
    hands.run(61)
    assert cleaning.now() == pytest.approx(hands.wall)


@pytest.mark.parametrize(("jump", "pause"), [(31 * DAY, PAUSE), (-31 * DAY, LONG_PAUSE)])
def test_a_jump_while_nothing_ran_is_waited_for(database: Database, hands: Hands, jump: float, pause: float) -> None:
    started(database)
    hands.off(jump)
    cleaning = CleanUpClock(database)
    assert cleaning.now() is None
    hands.run(pause - 1)
    assert cleaning.now() is None
    hands.run(2)
    assert cleaning.now() is not None


def test_two_nodes_count_the_same_time_once(database: Database, hands: Hands) -> None:
    one, other = started(database), started(database)
    hands.wall += 31 * DAY
    assert one.now() is None
    assert other.now() is None
    for _ in range(11):
        hands.run(LONG_PAUSE / 12)
        assert one.now() is None
        assert other.now() is None
    hands.run(LONG_PAUSE / 6)
    assert one.now() is not None


def test_a_machine_that_differs_from_the_database_removes_nothing(
    database: Database, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = hands.wall
    monkeypatch.setattr(database, "now", lambda: right)  # as Postgres, on another machine
    hands.wall += 31 * DAY
    assert CleanUpClock(database).now() is None
    hands.wall = right
    assert CleanUpClock(database).now() == right


def test_what_is_stored_has_its_own_clock(
    database: Database, hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = FileStorage(tmp_path / "storage")
    cleaning = CleanUpClock(database)
    assert cleaning.storage_now(storage) == pytest.approx(hands.wall, abs=60)
    assert not list(storage.list(""))
    monkeypatch.setattr(database, "now", lambda: hands.wall)
    hands.wall += DAY  # the machine's and the database's, while the bucket's stays
    assert CleanUpClock(database).storage_now(storage) is None


def test_what_is_too_much_goes_whatever_the_time(database: Database, tmp_path: Path) -> None:
    storage = FileStorage(tmp_path / "storage")
    for days in (40, 1):
        render_id = accept(database, created=time.time() - days * DAY)
        storage.put_bytes(f"renders/{render_id}/done", b"x")
        database.finish(render_id)
        database.update(render_id, unless_over=False, finished=time.time() - days * DAY, bytes=100)
    assert delete_expired(database, storage, None, 30, 200) == 0
    assert delete_expired(database, storage, None, 30, 100) == 1
    assert [render.bytes for render in database.over()] == [100]
