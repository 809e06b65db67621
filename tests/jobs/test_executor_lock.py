"""One process for a name: whoever comes second waits, and a process that was killed holds nothing."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from akma_core.errors import FailureError
from akma_core.jobs.executor_lock import FileLock, PostgresLock
from tests.support.gcs import free_port
from tests.support.postgres import cluster, emptied

Lock = FileLock | PostgresLock
HOLDER = """
import sys, time
from pathlib import Path
from akma_core.jobs.executor_lock import FileLock, PostgresLock
where, name = sys.argv[1:]
lock = PostgresLock(where, name) if "://" in where else FileLock(Path(where), name)
print(lock.take(), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with cluster() as url:
        yield url


@pytest.fixture(params=["file", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "locks") if request.param == "file" else emptied(request.getfixturevalue("server"))


@pytest.fixture
def make(where: str) -> Iterator[Callable[[str], Lock]]:
    """A lock of that name; all of them are let go at the end."""
    made: list[Lock] = []

    def lock(name: str) -> Lock:
        made.append(PostgresLock(where, name) if "://" in where else FileLock(Path(where), name))
        return made[-1]

    yield lock
    for each in made:
        each.release()


@contextmanager
def other_process(where: str, name: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has taken the lock, killed at the end."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, where, name], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "True\n"
            yield process
        finally:
            process.send_signal(signal.SIGKILL)


def eventually(true: Callable[[], bool], seconds: float = 10) -> bool:
    began = time.monotonic()
    while not (answer := true()) and time.monotonic() - began < seconds:
        time.sleep(0.05)
    return answer


def test_one_holds_it_and_the_next_gets_it_when_it_is_let_go(make: Callable[[str], Lock]) -> None:
    one, two, other = make("node-0"), make("node-0"), make("node-1")
    assert one.take()
    assert one.held()
    assert not two.take()
    assert not two.held()
    assert other.take()
    one.release()
    assert not one.held()
    assert two.take()
    one.release()  # of one that does not hold it: nothing happens
    assert two.held()


def test_kill_9_frees_it(where: str, make: Callable[[str], Lock]) -> None:
    lock, bystander = make("node-0"), make("node-1")
    with other_process(where, "node-0") as process:
        assert not lock.take()
        assert not bystander.free("node-0")
        process.kill()
        assert eventually(lock.take)
    assert lock.held()


def test_on_one_machine_nobody_takes_work_of_another(tmp_path: Path) -> None:
    assert not FileLock(tmp_path, "node-0").free("node-1")


def test_others_see_who_lives(server: str) -> None:
    one, two = PostgresLock(server, "node-0"), PostgresLock(server, "node-1")
    assert one.free("node-1")
    assert two.take()
    assert not one.free("node-1")
    assert not two.free("node-1")  # not even to itself
    two.release()
    assert eventually(lambda: one.free("node-1"))


def test_the_same_name_in_another_database_is_another_worker(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS other")
        connection.execute("CREATE DATABASE other")
    here, there = PostgresLock(server, "node-0"), PostgresLock(f"{server.rpartition('/')[0]}/other", "node-0")
    assert there.take()
    assert here.free("node-0")
    assert here.take()
    for each in (here, there):
        each.release()


def test_a_lost_connection_is_noticed_and_the_lock_taken_again(server: str) -> None:
    lock = PostgresLock(server, "node-0")
    assert lock.take()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'akma%'")
    assert not lock.held()
    assert lock.take()
    assert lock.held()
    lock.release()


def test_a_worker_that_is_silent_loses_its_session(server: str) -> None:
    frozen, other = PostgresLock(server, "node-0"), PostgresLock(server, "node-1")
    assert frozen.take()
    assert other.free("node-0", silent=True)
    assert eventually(lambda: not frozen.held())
    frozen.release()


def test_an_unreachable_database_is_one_line_without_the_password() -> None:
    lock = PostgresLock(f"postgresql+psycopg://akma:hunter2secret@127.0.0.1:{free_port()}/akma", "node-0")
    with pytest.raises(FailureError) as caught:
        lock.take()
    assert caught.value.code == "database_unreachable"
    assert "hunter2secret" not in repr(caught.value)
    assert not lock.held()
    assert not lock.free("node-1")  # nobody knows: leave its work alone
