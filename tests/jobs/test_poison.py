"""What was there when processes died is tried by itself, and fails when it kills again: it, and nothing else."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from akma_core.database import Database
from akma_core.errors import FailureError
from akma_core.jobs.poison import MAX_CRASHES, MAX_TRIES, PoisonQuarantine


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path}/akma.sqlite")
    yield database
    database.close()


def die(database: Database, work: str) -> None:
    """A process begins that work and ends in the middle of it."""
    trying = PoisonQuarantine(database).admit(work, MAX_CRASHES)
    trying.__enter__()  # and no exit


def test_a_suspect_is_tried_some_times_and_then_is_poison(database: Database) -> None:
    for _ in range(MAX_TRIES):
        die(database, "r-1-chunk-3")
    with pytest.raises(FailureError, match="again and again") as caught:
        die(database, "r-1-chunk-3")
    assert caught.value.code == "poisoned"
    die(database, "r-1-chunk-4")
    die(database, "s-1-chunk-3")


def test_the_innocent_is_never_poison(database: Database) -> None:
    for _ in range(2 * MAX_TRIES):
        with PoisonQuarantine(database).admit("r-1-chunk-3", MAX_CRASHES - 1):
            pass


def test_what_fails_without_killing_is_no_sign(database: Database) -> None:
    poison_quarantine = PoisonQuarantine(database)
    for _ in range(2 * MAX_TRIES):
        with pytest.raises(ZeroDivisionError), poison_quarantine.admit("r-1-chunk-3", MAX_CRASHES):
            raise ZeroDivisionError


def test_a_forgotten_render_is_no_suspect(database: Database) -> None:
    for _ in range(MAX_TRIES):
        die(database, "r-1-chunk-3")
    database.forget("r")
    assert database.count("tries-r-1-chunk-3") == 1


def test_a_suspect_is_alone_and_nobody_waits_for_ever(database: Database) -> None:
    poison_quarantine, inside, most, done = PoisonQuarantine(database), [0], [0], []

    def work(number: int) -> None:
        chance, suspect = random.Random(number), number % 3 == 0
        for _ in range(5):
            with poison_quarantine.admit(f"r-1-chunk-{number}", MAX_CRASHES * suspect):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                assert not suspect or inside[0] == 1
                time.sleep(chance.random() * 0.002)
                inside[0] -= 1
        done.append(number)

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(done) == list(range(9))
    assert most[0] > 1
