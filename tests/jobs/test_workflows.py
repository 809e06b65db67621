"""What may pass is tried again, what may not is told; and DBOS brings every render to its end, whatever is killed."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from akma_core.config import read_environment
from akma_core.database import Database
from akma_core.errors import FailureError, RequestError
from akma_core.jobs import workflows
from akma_core.jobs.objects import RenderStoppedError
from akma_core.jobs.stages import Stages
from akma_core.render import plan_base
from tests.support.rows import accept
from tests.support.stagehand import Stage, stage


class Clock(threading.Event):
    """In place of `stopping`: waits in no time, and knows for how long."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.now, self.pauses = 0.0, list[float]()
        patch.setattr(time, "monotonic", lambda: self.now)

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0
        self.pauses.append(timeout or 0)
        return False


@dataclass
class Still:
    """In place of Stages."""

    stopping: Clock
    version: str = "v"
    forgotten: list[str] = field(default_factory=list)

    def forget(self, render_id: str) -> None:
        self.forgotten.append(render_id)


@dataclass
class Desk:
    """Jobs that were not started, and what they stand on."""

    database: Database
    stages: Still
    jobs: workflows.Jobs

    def attempt(self, *outcomes: Exception | None, name: str = "chunk") -> str:
        """A render of which a piece came out so, one time after the other; its id."""
        render_id = accept(self.database, webhook_url="https://a/")
        left = list(outcomes)

        def work() -> None:
            if outcome := left.pop(0):
                raise outcome

        self.jobs._try(name, render_id, work)
        assert left == []
        return render_id

    def error(self, render_id: str) -> tuple[str, str | None, str | None]:
        render = self.database.get(render_id)
        assert render
        return render.status, render.error_code, render.error_message


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("AKMA_HOME", str(tmp_path))
    database = Database(f"sqlite:///{tmp_path}/akma.sqlite")
    with monkeypatch.context() as patch:
        stages = Still(Clock(patch))
        yield Desk(database, stages, workflows.Jobs(read_environment(), database, cast(Stages, stages), "w-0"))
    database.close()


def test_a_version_is_what_decides_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = workflows.version("cpu")
    assert workflows.version("cpu") == now != workflows.version("nvidia-l4")
    libraries = plan_base.libraries()
    monkeypatch.setattr(workflows, "libraries", lambda: dict(reversed(libraries.items())))
    assert workflows.version("cpu") == now
    monkeypatch.setattr(workflows, "libraries", lambda: libraries | {"torch": "0.1"})
    assert workflows.version("cpu") != now
    monkeypatch.setattr(workflows, "__version__", "9")
    assert workflows.version("cpu").startswith("9-")


def test_what_may_pass_is_tried_again_with_longer_pauses(desk: Desk) -> None:
    passing = [FailureError("no answer", code="storage_unreachable") for _ in range(8)]
    render_id = desk.attempt(*passing, None)
    assert desk.stages.stopping.pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert desk.error(render_id) == ("queued", None, None)


@pytest.mark.parametrize("code", sorted(workflows.TRANSIENT))
def test_it_fails_when_it_does_not_pass(desk: Desk, code: str) -> None:
    render_id = accept(desk.database)

    def work() -> None:
        raise FailureError("the disk is full", code=code)

    desk.jobs._try("chunk", render_id, work)
    assert workflows.RETRY_FOR <= desk.stages.stopping.now <= workflows.RETRY_FOR + workflows.MAX_BACKOFF
    assert desk.error(render_id) == ("failed", code, "the disk is full")
    assert desk.database.notes(render_id)[0][1] == "chunk: the disk is full"
    assert desk.stages.forgotten == [render_id]


def test_a_database_that_is_gone_is_waited_for_as_long_as_it_takes(desk: Desk) -> None:
    gone = [FailureError("does not answer", code="database_unreachable") for _ in range(40)]
    assert desk.error(desk.attempt(*gone, None)) == ("queued", None, None)
    assert desk.stages.stopping.now > 2 * workflows.RETRY_FOR


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (RequestError("start 9 is beyond the end", code="bad_setting"), "bad_setting", "start 9 is beyond the end"),
        (FailureError("cannot be joined", code="segments_differ"), "segments_differ", "cannot be joined"),
        (KeyError("/etc/secret"), "internal", "a fault in AKMA itself (KeyError)"),
    ],
)
def test_what_does_not_pass_fails_at_once(
    desk: Desk, error: Exception, code: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    render_id = desk.attempt(error)
    assert desk.stages.stopping.pauses == []
    assert desk.error(render_id) == ("failed", code, message)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == ["stage_failed", "render_failed"]
    assert {line["render"] for line in lines} == {render_id}


def test_the_database_may_go_while_a_failure_is_written(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fail, left = desk.database.fail, [FailureError("gone", code="database_unreachable")]

    def unsteady(*arguments: Any) -> bool:
        if left:
            raise left.pop()
        return fail(*arguments)

    monkeypatch.setattr(desk.database, "fail", unsteady)
    assert desk.error(desk.attempt(RequestError("no", code="bad_audio"))) == ("failed", "bad_audio", "no")


def test_what_is_over_is_let_go_without_a_word(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    render_id = desk.attempt(RenderStoppedError())
    assert desk.error(render_id) == ("queued", None, None)
    assert desk.stages.forgotten == [render_id]
    assert capsys.readouterr().out == ""


# With DBOS, in a process that may be killed


class Worker:
    """`python -m tests.support.stagehand`, in `folder`."""

    def __init__(self, folder: Path, poison: int = -1) -> None:
        command = [sys.executable, "-m", "tests.support.stagehand", str(folder), str(poison)]
        environ = {**os.environ, "AKMA_HOME": str(folder)}
        self.log = (folder / "log").open("ab")
        self.process = subprocess.Popen(command, env=environ, stdout=self.log, stderr=self.log)

    def kill(self) -> None:
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Its exit status."""
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            self.log.close()


@pytest.fixture
def hand(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        made.stages = made.another("nobody's")
        yield made


def until(true: Callable[[], object], seconds: float = 60) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.01)


def events(folder: Path, name: str) -> list[dict[str, Any]]:
    lines = [line for line in (folder / "log").read_text().splitlines() if line.startswith('{"time"')]
    return [line for line in map(json.loads, lines) if line["message"] == name]


def digest(hand: Stage, render_id: str) -> str:
    return hashlib.sha256(hand.storage.get_bytes(f"renders/{render_id}/video.mp4")).hexdigest()


@pytest.mark.slow
def test_kill_9_loses_nothing_and_versions_may_come_and_go(hand: Stage, song: Path) -> None:
    ids = [hand.accept(song, seed=7) for _ in range(3)]
    worker = Worker(hand.folder)
    until(lambda: all(any(row["whole"] for row in hand.database.segments(each)) for each in ids))
    worker.kill()
    back = ids[1]  # another version had it meanwhile, and that is gone again
    render = hand.database.get(back)
    assert render
    assert hand.database.reassign(back, render.version, "another") or render.is_over
    assert Worker(hand.folder).wait() == 0
    for each in ids:
        done = hand.database.get(each)
        assert done
        assert (done.status, done.chunks, done.sound) == ("done", 6, 6), (hand.folder / "log").read_text()[-3000:]
        assert max(row["rendered"] for row in hand.database.segments(each)) == 1
    assert len({digest(hand, each) for each in ids}) == 1
    rendered = [(line["render"], line["chunk"]) for line in events(hand.folder, "chunk_rendered")]
    twice = {each for each in rendered if rendered.count(each) > 1}
    assert {render_id for render_id, _ in twice} <= {back}
    assert hand.left() == []


@pytest.mark.slow
def test_a_poisoned_render_fails_alone(hand: Stage, song: Path) -> None:
    poisoned, *others = [hand.accept(song, seed=seed) for seed in (13, 7, 8)]
    for _ in range(10):
        status = Worker(hand.folder, poison=13).wait()
        if status == 0:
            break
        assert status == -signal.SIGKILL
    assert status == 0
    render = hand.database.get(poisoned)
    assert render
    assert (render.status, render.error_code) == ("failed", "poisoned")
    assert "again and again" in (render.error_message or "")
    for each in others:
        done = hand.database.get(each)
        assert done
        assert done.status == "done"
