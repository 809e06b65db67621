"""The suite: processes, limits, results that are kept, and the command around it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runners.gpu_checks import catalog
from runners.gpu_checks.catalog import CHECKS, GpuCheck
from runners.gpu_checks.figure import Figure, figure_of
from runners.gpu_checks.suite import ROOT, Result, Suite
from tests.support.command import Akma


def command(*arguments: object) -> "subprocess.CompletedProcess[str]":
    whole = [sys.executable, "-m", "akma_core.cli", "doctor", "--gpu", *map(str, arguments)]
    return subprocess.run(whole, capture_output=True, text=True, timeout=120, cwd=ROOT)


def test_a_dry_run_lists_each_check() -> None:
    done = command("--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(CHECKS)
    assert {line.split()[0] for line in lines if "needs a card" in line} == {
        name for name, check in CHECKS.items() if check.needs_card
    }


def test_the_command_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AKMA_HOME", str(tmp_path))
    done = command("--device", "cpu", "--only", "card", "--only", "half-ink", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(each["name"], each["state"]) for each in told["checks"]] == [("card", "ok"), ("half-ink", "skip")]
    assert told["checks"][1]["skipped"] == "needs a card"
    assert (tmp_path / "gpu-checks.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--only", "bladder"), "there is no check bladder"), (("--device", "cpu", "--versus", "/"), "no checkout")],
)
def test_what_makes_no_sense_is_refused(akma: Akma, arguments: tuple[str, ...], words: str) -> None:
    done = akma("doctor", "--gpu", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.complaint


def test_options_without_gpu_are_refused(akma: Akma) -> None:
    done = akma("doctor", "--only", "card")
    assert done.code == 2
    assert "go with --gpu" in done.complaint


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Processes that are small programs instead of checks."""
    programs = {
        "good": 'print(\'{"figure": {"name": "x", "value": 1, "at_most": 2}}\')',
        "crash": 'print(\'{"figure": {"name": "x", "value": 1}}\', flush=True); import os; os.kill(os.getpid(), 11)',
        "hang": "import time; time.sleep(60)",
        "over": 'print(\'{"figure": {"name": "x", "value": 3, "at_most": 2}}\')',
    }
    for table in (CHECKS, catalog.CHECKS):
        for name in list(table):
            monkeypatch.delitem(table, name, raising=False)
    for name in programs:
        monkeypatch.setitem(CHECKS, name, GpuCheck(name, "card:card", 0.7 if name == "hang" else 20))
    started = subprocess.Popen

    def start(command: list[str], **options: Any) -> Any:
        name = command[4]
        return started([sys.executable, "-c", programs[name]], **options)

    monkeypatch.setattr(subprocess, "Popen", start)
    return programs


@pytest.mark.usefixtures("fake")
def test_one_failure_hides_no_other(tmp_path: Path) -> None:
    results = {result.name: result for result in Suite(tmp_path / "kept.json", "cpu").run()}
    assert {name: result.state for name, result in results.items()} == {
        "good": "ok", "crash": "bad", "hang": "bad", "over": "bad",
    }  # fmt: skip
    assert results["crash"].error == "its process ended with -11"
    assert len(results["crash"].figures) == 1, "what it found before is kept"
    assert results["hang"].error == "no end within 2 s"
    assert "x 3 (at most 2)" in results["over"].lines[0]


def test_a_call_is_taken_up_where_it_ended(fake: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    first = Suite(path, "cpu").run()
    assert next(first).name == "good"
    first.close()  # type: ignore[attr-defined]
    fake["good"] = fake["over"]
    assert next(Suite(path, "cpu").run()).state == "ok", "not done again"
    list(Suite(path, "cpu").run())
    assert next(Suite(path, "cpu").run()).state == "bad", "a call that came to its end is begun anew"
    assert next(Suite(path, "cpu").run(["good"])).state == "bad", "what is asked for is done again"
    path.write_text("not JSON")
    assert next(Suite(path, "cpu").run()).state == "bad"


@pytest.mark.usefixtures("fake")
def test_no_call_is_longer_than_it_may_be(tmp_path: Path) -> None:
    results = list(Suite(tmp_path / "kept.json", "cpu", budget=0.5).run())
    assert [result.state for result in results] == ["skip"] * 4
    assert "goes on here" in results[0].lines[0]


def test_figures_are_the_same_after_json() -> None:
    figure = Figure("a", 1.5, "ms", at_least=1.0)
    assert figure_of(json.loads(json.dumps(figure.as_dict()))) == figure
    lost = Figure("a", float("nan"), at_most=1.0)
    assert not lost.good
    assert not figure_of(json.loads(json.dumps(lost.as_dict()))).good
    assert Result("card", (lost,)).state == "bad"
    assert not Figure("a", float("inf"), at_least=1.0).good
