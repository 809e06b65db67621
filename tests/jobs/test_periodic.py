"""Rounds come again and again, and one that fails neither stops the others nor fills the log."""

import json
import threading
import time

import pytest

from akma_core.errors import FailureError
from akma_core.jobs.periodic import PeriodicTask, PeriodicTasks


def events(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line["error"] for line in lines if line["message"] == "round_failed"]


def test_a_round_waits_until_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    now, done = 100.0, []
    monkeypatch.setattr(time, "monotonic", lambda: now)
    each = PeriodicTask(5.0, lambda: done.append(now))
    for now in (100.0, 104.9, 105.0, 109.0, 111.0):  # noqa: B007
        each.go()
    assert done == [100.0, 105.0, 111.0]


def test_what_fails_is_told_once_for_as_long_as_it_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    failures: list[Exception | None] = [FailureError("no disk"), FailureError("no disk"), None, ValueError("oh")]

    def work() -> None:
        if failure := failures.pop(0):
            raise failure

    each = PeriodicTask(0.0, work)
    for _ in range(4):
        each.go()
    assert failures == []
    assert events(capsys) == ["no disk", "ValueError('oh')"]


def test_one_that_fails_does_not_stop_the_others() -> None:
    came = threading.Semaphore(0)

    def fail() -> None:
        raise RuntimeError

    periodic_tasks = PeriodicTasks("test", [PeriodicTask(0.0, fail), PeriodicTask(0.0, came.release)])
    periodic_tasks.start()
    assert all(came.acquire(timeout=10) for _ in range(3))
    periodic_tasks.stop()
    assert "test" not in {thread.name for thread in threading.enumerate()}


def test_stop_waits_for_what_is_under_way_and_begins_nothing() -> None:
    under_way, go_on, done = threading.Event(), threading.Event(), []

    def slow() -> None:
        under_way.set()
        go_on.wait(10)
        done.append("slow")

    periodic_tasks = PeriodicTasks("test", [PeriodicTask(0.0, slow), PeriodicTask(0.0, lambda: done.append("next"))])
    periodic_tasks.start()
    assert under_way.wait(10)
    stopping = threading.Thread(target=periodic_tasks.stop)
    stopping.start()
    assert stopping.is_alive()
    time.sleep(0.1)
    go_on.set()
    stopping.join(10)
    assert done == ["slow"]
