"""Tasks, log lines and facts: one taker each, however many ask."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from akma_core.database import Database
from tests.support.rows import accept, set_clock

MANY = 6


def test_every_task_has_one_taker(url: str) -> None:
    ledgers = [Database(url) for _ in range(MANY)]
    ids = [ledgers[0].ask("preview", {"number": number}) for number in range(20)]

    def work(number: int) -> list[str]:
        taken, silent = [], 0
        while silent < 20:
            claimed = ledgers[number].claim(f"w{number}")
            if claimed:
                taken.append(claimed[0])
                ledgers[number].answer(claimed[0], {"kind": claimed[1], **claimed[2]})
            silent = 0 if claimed else silent + 1
        return taken

    with ThreadPoolExecutor(MANY) as pool:
        taken = Counter(each for part in pool.map(work, range(MANY)) for each in part)
    assert taken == Counter(ids)
    rows = [ledgers[0].answered(each) for each in ids]
    assert [row["answer"] for row in rows if row] == [f'{{"kind": "preview", "number": {k}}}' for k in range(20)]
    for database in ledgers:
        database.close()


def test_tasks_are_taken_in_order_and_answered_with_an_error_too(database: Database) -> None:
    first, second = database.ask("preview", {}), database.ask("import", {})
    assert database.answered(first) is None
    assert [claimed[0] for _ in range(3) if (claimed := database.claim("w"))] == [first, second]
    database.answer(first, {"failure": True}, "internal", "a fault")
    row = database.answered(first)
    assert row
    assert (row["error_code"], row["error_message"], row["worker"]) == ("internal", "a fault", "w")


def test_what_a_dead_worker_had_is_tried_again_once(database: Database) -> None:
    task = database.ask("preview", {"seeds": [1]})
    for worker, tries in (("w", {}), ("v", {"tried": True})):
        database.beat(worker, "1", "cpu", "cpu", 0)
        assert database.claim(worker) == (task, "preview", {"seeds": [1], **tries})
        assert database.release_tasks() == 0  # it lives
        assert database.answered(task) is None
        assert database.release_tasks(worker) == (0 if tries else 1)
    row = database.answered(task)
    assert row
    assert (row["error_code"], row["error_message"]) == (
        "poisoned", "it stopped the worker twice: try another size or network",
    )  # fmt: skip


def test_what_a_silent_worker_has_is_given_to_another(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    task = database.ask("preview", {})
    database.beat("w", "1", "cpu", "cpu", 0)
    assert database.claim("w")
    monkeypatch.setattr("akma_core.database.tasks.SILENT", -5.0)
    assert database.release_tasks() == 1
    claimed = database.claim("v")
    assert claimed
    assert claimed[0] == task
    database.answer(task, {})
    assert database.release_tasks() == 0


def test_old_tasks_go(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    old = database.ask("preview", {})
    set_clock(monkeypatch, database, 3601)
    new = database.ask("preview", {})
    claimed = database.claim("w")
    assert claimed
    assert claimed[0] == new != old


def test_a_thing_is_due_for_one_of_all_that_ask(url: str) -> None:
    ledgers = [Database(url) for _ in range(MANY)]
    with ThreadPoolExecutor(MANY) as pool:
        assert sum(pool.map(lambda database: database.due("sweep", 60), ledgers * 3)) == 1
        assert sum(pool.map(lambda database: database.due("other", 60), ledgers)) == 1
        assert sorted(pool.map(lambda database: database.count("tries"), ledgers)) == list(range(1, MANY + 1))
        assert len(set(pool.map(lambda k: ledgers[k].fact("secret", f"s{k}"), range(MANY)))) == 1
    assert ledgers[0].due("sweep", 0)
    for database in ledgers:
        database.close()


def test_what_is_due_survives_a_clock_that_is_set_back(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, database, 86400)
    assert database.due("sweep", 60)
    set_clock(monkeypatch, database, 0)
    assert database.due("sweep", 60)
    assert not database.due("sweep", 60)


def test_the_latest_notes_are_read_and_long_ones_cut(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("akma_core.database.tasks.MAX_EVENTS", 5)
    render_id, other = accept(database), accept(database)
    for number in range(8):
        database.note(render_id, f"line {number}")
    database.note(other, "x" * 9999)
    assert [text for _, text in database.notes(render_id)] == [f"line {number}" for number in range(3, 8)]
    assert [len(text) for _, text in database.notes(other)] == [2000]


def test_workers_are_heard_of_while_they_beat(database: Database) -> None:
    for name in ("b-0", "a-0", "a-0"):
        database.beat(name, "v", "cpu", "CPU", 7)
    assert [row["id"] for row in database.workers()] == ["a-0", "b-0"]
    assert database.workers(0) == []
