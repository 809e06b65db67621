"""All checks, each in a process of its own and within its limit; results are kept, so that a call can be taken up."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from akma_core import __version__
from akma_core.files import write_whole

from .catalog import BUDGET, CHECKS, GpuCheck
from .figure import Figure, figure_of

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Result:
    """Result of a check."""

    name: str
    figures: tuple[Figure, ...] = ()
    error: str = ""
    skipped: str = ""
    """Why it was not run; empty where it was."""
    seconds: float = 0.0

    @property
    def state(self) -> str:
        """ok, bad, or skip."""
        if self.skipped:
            return "skip"
        return "ok" if not self.error and all(figure.good for figure in self.figures) else "bad"

    @property
    def lines(self) -> list[str]:
        """A line of the check's state with the figure nearest its limit, and one for each of a table's."""
        told = sorted(self.figures, key=lambda figure: figure.strain, reverse=True)
        wrong = [figure.told for figure in told if not figure.good]
        table = self.name.startswith("speed") or not told or told[0].strain == 0
        first = self.skipped or self.error or "; ".join(wrong) or ("" if table else told[0].told)
        if not (self.skipped or self.error or wrong or table) and len(told) > 1:
            first += f", nearest its limit of {len(told)} figures"
        more = [f"       {figure.told}" for figure in self.figures] if table and not self.skipped else []
        return [f"{self.state:<5}{self.name:<28} {first or CHECKS[self.name].about}", *more]

    def as_dict(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"name": self.name, "state": self.state, "seconds": self.seconds}
        fields |= {key: value for key in ("error", "skipped") if (value := getattr(self, key))}
        return fields | {"figures": [figure.as_dict() for figure in self.figures]}


def result_of(fields: dict[str, Any]) -> Result:
    """The result of `as_dict`."""
    figures = tuple(figure_of(each) for each in fields.get("figures", ()))
    return Result(
        fields["name"], figures, fields.get("error", ""), fields.get("skipped", ""), fields.get("seconds", 0.0)
    )


@dataclass
class Suite:
    """One machine's checks; `path` keeps the results of a call that did not come to its end."""

    path: Path
    device: str
    versus: str = ""
    budget: float = BUDGET
    done: dict[str, Result] = field(default_factory=dict)

    @property
    def machine(self) -> dict[str, str]:
        """Card and AKMA that results belong to: on another card, or with another AKMA, they are made again."""
        device = torch.device(self.device)
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        return {"akma": __version__, "torch": str(torch.__version__), "device": name}

    def run(self, only: Sequence[str] = ()) -> Iterator[Result]:
        """Results in order; those of an unfinished call first, as they are. `only`: those checks, again."""
        self.done = self._kept()
        wanted = list(only) or [name for name, check in CHECKS.items() if not check.optional or self.versus]
        if not only and all(name in self.done for name in wanted):
            self.done = {}  # the last call came to its end: begin anew
        began = time.monotonic()
        for name in wanted:
            if name in self.done and not only:
                yield self.done[name]
                continue
            left = self.budget - (time.monotonic() - began)
            if left < 1:
                yield Result(name, skipped="no time left: the same command goes on here")
                continue
            result = self._one(name, CHECKS[name], left)
            if result.state != "skip" or CHECKS[name].needs_card:
                self.done[name] = result
                self._keep()
            yield result

    def _one(self, name: str, check: GpuCheck, left: float) -> Result:
        if check.needs_card and self.device == "cpu":
            return Result(name, skipped="needs a card")
        limit = min(check.seconds * (3 if self.device == "cpu" else 1), left)
        command = [sys.executable, "-P", "-m", "runners.gpu_checks.process", name, self.device, self.versus]
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        quiet = None if os.environ.get("AKMA_DEBUG") else subprocess.DEVNULL
        began, error = time.monotonic(), ""
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=quiet, text=True, start_new_session=True,
            env=os.environ | {"PYTHONPATH": paths},
        ) as process:  # fmt: skip
            try:
                text, _ = process.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                _kill(process)
                text, _ = process.communicate()
                error = f"no end within {limit:.0f} s"
            except BaseException:
                _kill(process)
                raise
        told = [json.loads(line) for line in text.splitlines()]
        figures = tuple(figure_of(each["figure"]) for each in told if "figure" in each)
        error = error or next((each["error"] for each in told if "error" in each), "")
        if not error and process.returncode:
            error = f"its process ended with {process.returncode}"
        return Result(name, figures, error, seconds=round(time.monotonic() - began, 1))

    def _kept(self) -> dict[str, Result]:
        try:
            kept = json.loads(self.path.read_bytes())
            if kept["machine"] != self.machine or kept["versus"] != self.versus:
                return {}
            return {each["name"]: result_of(each) for each in kept["checks"] if each["name"] in CHECKS}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _keep(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        results = [result.as_dict() for result in self.done.values()]
        text = json.dumps({"machine": self.machine, "versus": self.versus, "checks": results}, indent=1)
        write_whole(self.path, lambda path: path.write_text(text + "\n"))


def _kill(process: "subprocess.Popen[str]") -> None:
    """End it with all that it started."""
    os.killpg(process.pid, signal.SIGKILL)
