"""`akma doctor`: can this machine do it, and what is to be done about what is wrong.

The checks run in a process of its own, one after the other, each within a time limit: one that hangs or takes the
process with it is told as bad, and a new process goes on with the next.
"""

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from akma_core.cli.options import Commands, add_settings, given, settings_of
from akma_core.errors import FailureError, RequestError

if TYPE_CHECKING:
    from akma_core.doctor.finding import CheckResult

ROOT = Path(__file__).parents[2]
FIRST = "settings"  # without them nothing else makes sense


@dataclass(frozen=True)
class Check:
    """A check: its module, its time limit, and when it makes sense."""

    module: str
    seconds: float
    """Time limit of the check, seconds."""
    after: str = ""
    """Another one: where that is bad, this would only say the same."""
    worker: bool = False
    """True for checks that make sense only where frames are rendered."""


MACHINE, SERVICES, DEVICE = "akma_core.doctor.machine", "akma_core.doctor.services", "runners.doctor"
CHECKS = {
    FIRST: Check(MACHINE, 20),
    "libraries": Check(MACHINE, 10),
    "folders": Check(MACHINE, 10),
    "disk": Check(MACHINE, 10, after="folders"),
    "limits": Check(MACHINE, 10),
    "port": Check(MACHINE, 10),
    "database": Check(SERVICES, 20),
    "lock": Check(SERVICES, 15, after="database", worker=True),
    "storage": Check(SERVICES, 40),
    "models": Check(SERVICES, 30, after="storage"),
    "clock": Check(SERVICES, 15),
    "device": Check(DEVICE, 30, worker=True),
    "compiled": Check(DEVICE, 30, after="device", worker=True),
    "picture": Check(DEVICE, 180, after="device", worker=True),  # the first time it compiles the kernels
    "encoders": Check(DEVICE, 20, worker=True),
    "upscalers": Check(DEVICE, 10, worker=True),
}


def add(commands: Commands) -> None:
    """Declare the command."""
    doctor = commands.add_parser(
        "doctor",
        help="see whether this machine can do it",
        description="Say whether this machine can render and serve, and what to do about what is wrong. Exit code 1 if "
        "something is bad, 2 if a setting (an AKMA_* variable) is.",
    )
    doctor.add_argument(
        "checks", nargs="*", metavar="CHECK", help=f"what to look at: {', '.join(CHECKS)} (default: all that applies)"
    )
    doctor.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    doctor.add_argument("--gpu", action="store_true", help="check and time the GPU path instead, in 8 minutes at most")
    doctor.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="of --gpu: this check alone, again; repeatable"
    )
    doctor.add_argument("--dry-run", action="store_true", help="of --gpu: list the checks and their limits")
    doctor.add_argument(
        "--versus", type=Path, metavar="DIR", help="of --gpu: compare with the published code in this checkout, run it"
    )
    doctor.add_argument("--port", type=int, default=3000, help="port of akma serve, 1 to 65535 (default: 3000)")
    add_settings(doctor, ("encoder", "device"))
    doctor.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print a line a check as it ends; RequestError where a setting is wrong, FailureError where something is bad."""
    settings = settings_of(options)
    if options.gpu:
        from akma_core.cli.doctor_gpu import run as run_gpu

        run_gpu(options, settings.device)
        return
    if options.only or options.dry_run or options.versus:
        raise RequestError("--only, --dry-run and --versus go with --gpu", code="bad_arguments")
    if unknown := [name for name in options.checks if name not in CHECKS]:
        raise RequestError(f"there is no check {unknown[0]}: choose from {', '.join(CHECKS)}", code="bad_arguments")
    if not 1 <= options.port <= 65535:
        raise RequestError(f"port {options.port} is not from 1 to 65535", code="bad_setting", field="port")
    wish = {"port": options.port, "encoder": settings.encoder}
    wish |= {"device": settings.device} if "device" in given(options) else {}
    answers = []
    for answer in examine(options.checks, wish):
        answers.append(answer)
        if not options.json:
            print(answer.line, flush=True)
    wrong = [answer.name for answer in answers if answer.state == "bad"]
    if options.json:
        print(json.dumps({"ok": not wrong, "checks": [asdict(answer) for answer in answers]}, indent=1))
    if wrong == [FIRST]:
        raise RequestError("mend the settings first", code="bad_setting")
    if wrong:
        raise FailureError(f"{len(wrong)} of {len(answers)} checks are bad: {', '.join(wrong)}", code="unfit")


@dataclass(frozen=True)
class CheckReport:
    """A check's finding."""

    name: str
    state: str
    """ok, warn or bad."""
    message: str
    advice: str
    seconds: float

    @property
    def line(self) -> str:
        return f"{self.state:<4} {self.name:<9} {self.message}{': ' if self.advice else ''}{self.advice}"


def examine(names: Sequence[str], wish: dict[str, object]) -> Iterator[CheckReport]:
    """Settings and then the checks of that name, or all that make sense for this node's role. Stops at bad settings."""
    with CheckProcess(wish) as examiner:
        first = examiner.ask(FIRST)
        yield first
        if first.state == "bad":
            return
        from akma_core.config import read_environment

        renders = read_environment().role != "api"
        states: dict[str, str] = {}
        for name, check in CHECKS.items():
            if name == FIRST or (name not in names if names else check.worker and not renders):
                continue
            if states.get(check.after) == "bad":
                answer = CheckReport(name, "warn", f"not looked at, since {check.after} is bad", "mend that first", 0.0)
            else:
                answer = examiner.ask(name)
            states[name] = answer.state
            yield answer


class CheckProcess:
    """The process that runs the checks, started anew where one of them was its end."""

    def __init__(self, wish: dict[str, object]) -> None:
        self._wish = wish
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ask(self, name: str) -> CheckReport:
        """Run that check; taking too long, or crashing, is a result too."""
        limit, began = CHECKS[name].seconds, time.monotonic()
        process = self._process or self._start()
        with suppress(OSError):  # it is gone: an empty answer says so
            print(name, file=process.stdin, flush=True)
        try:
            text = self._answers.get(timeout=limit)
        except queue.Empty:
            text, message = "", f"no answer within {limit:g} s"
        else:
            if text:
                return CheckReport(**json.loads(text))
            with suppress(subprocess.TimeoutExpired):
                process.wait(2)
            message = f"the check's process ended ({_end_of(process.returncode)})"
        self._end()
        advice = f"see what hangs: AKMA_DEBUG=1 akma doctor {name}"
        return CheckReport(name, "bad", message, advice, round(time.monotonic() - began, 3))

    def _start(self) -> "subprocess.Popen[str]":
        # -P: what lies in the working directory is nobody's module.
        command = [sys.executable, "-P", "-m", "akma_core.cli.doctor", json.dumps(self._wish)]
        paths = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=None if os.environ.get("AKMA_DEBUG") else subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )  # fmt: skip
        self._process, self._answers = process, queue.SimpleQueue()
        threading.Thread(target=_listen, args=(process, self._answers), daemon=True).start()
        return process

    def _end(self) -> None:
        if process := self._process:
            self._process = None
            process.kill()
            with suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
            with suppress(subprocess.TimeoutExpired):  # one that hangs in the kernel outlives even that
                process.wait(2)


def _listen(process: "subprocess.Popen[str]", answers: "queue.SimpleQueue[str]") -> None:
    assert process.stdout
    with process.stdout as lines:
        for line in lines:
            answers.put(line)
    answers.put("")


def _end_of(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def look(name: str, wish: dict[str, object]) -> "tuple[CheckResult, float]":
    """Run one check here and now: what it finds, without secrets, and the seconds it took."""
    from akma_core.config import read_environment
    from akma_core.doctor.finding import CheckContext, CheckResult, discreet, failed

    began = time.monotonic()
    try:
        environment, asked = read_environment(), dict(wish)
        if device := asked.pop("device", None):
            environment = environment.model_copy(update={"device": device})
        check = getattr(import_module(CHECKS[name].module), name)
        found: CheckResult = check(CheckContext(environment, **asked))  # type: ignore[arg-type]
    except Exception as error:
        if os.environ.get("AKMA_DEBUG"):
            import traceback

            traceback.print_exc()
        found = failed(error)
    told = CheckResult(found.state, discreet(found.message), discreet(found.advice))
    return told, time.monotonic() - began


def main(wish: dict[str, object]) -> None:
    """The process: names of checks on stdin, a JSON object of each on stdout, where nothing else may write."""
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        for line in sys.stdin:
            name = line.strip()
            found, seconds = look(name, wish)
            print(json.dumps({"name": name, **asdict(found), "seconds": round(seconds, 3)}), file=out, flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
