"""What was there when processes died is tried by itself, and fails when it kills again: it, and nothing else."""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from akma_core.database import Ledger
from akma_core.errors import FailureError
from akma_core.jobs.poison import DEATHS, TRIES, Suspects


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path}/akma.sqlite")
    yield ledger
    ledger.close()


def die(ledger: Ledger, work: str) -> None:
    """A process begins that work and ends in the middle of it."""
    trying = Suspects(ledger).trying(work, DEATHS)
    trying.__enter__()  # and no exit


def test_a_suspect_is_tried_some_times_and_then_is_poison(ledger: Ledger) -> None:
    for _ in range(TRIES):
        die(ledger, "r-1-chunk-3")
    with pytest.raises(FailureError, match="again and again") as caught:
        die(ledger, "r-1-chunk-3")
    assert caught.value.code == "poisoned"
    die(ledger, "r-1-chunk-4")
    die(ledger, "s-1-chunk-3")


def test_the_innocent_is_never_poison(ledger: Ledger) -> None:
    for _ in range(2 * TRIES):
        with Suspects(ledger).trying("r-1-chunk-3", DEATHS - 1):
            pass


def test_what_fails_without_killing_is_no_sign(ledger: Ledger) -> None:
    suspects = Suspects(ledger)
    for _ in range(2 * TRIES):
        with pytest.raises(ZeroDivisionError), suspects.trying("r-1-chunk-3", DEATHS):
            raise ZeroDivisionError


def test_a_forgotten_render_is_no_suspect(ledger: Ledger) -> None:
    for _ in range(TRIES):
        die(ledger, "r-1-chunk-3")
    ledger.forget("r")
    assert ledger.count("tries-r-1-chunk-3") == 1


def test_a_suspect_is_alone_and_nobody_waits_for_ever(ledger: Ledger) -> None:
    suspects, inside, most, done = Suspects(ledger), [0], [0], []

    def work(number: int) -> None:
        chance, suspect = random.Random(number), number % 3 == 0
        for _ in range(5):
            with suspects.trying(f"r-1-chunk-{number}", DEATHS * suspect):
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
