"""`akma doctor` as tests run it."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from akma_core.cli.main import main
from akma_core.config import Environment
from akma_core.doctor.finding import CheckContext

ROOT = Path(__file__).parents[2]
SECRET = "sec@ret-4711"


def akma(
    *arguments: object, before: tuple[str, ...] = (), **environ: str
) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Exit code of `akma doctor --json`, its checks by name, and all that it said.

    Checks have a process of their own in any case; the command has one where something goes `before` it.
    """
    words = ["doctor", "--json", *map(str, arguments)]
    if before:
        command = [*before, sys.executable, "-m", "akma_core.cli", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | environ, cwd=ROOT)
        code, out, err = done.returncode, done.stdout, done.stderr
    else:
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(io.StringIO()) as told,
            redirect_stderr(io.StringIO()) as complained,
        ):
            for name, value in environ.items():
                patch.setenv(name, value)
            code = main(words)
        out, err = told.getvalue(), complained.getvalue()
    assert len(err.splitlines()) == (code != 0), err
    return code, {check["name"]: check for check in json.loads(out)["checks"]}, out + err


def named(name: str, words: str, *arguments: object, state: str = "bad", **environ: Any) -> dict[str, Any]:
    """The finding of a check that says those words, of a command that has nothing else to complain of."""
    code, checks, _ = akma(name, *arguments, **environ)
    assert (checks[name]["state"], code) == (state, int(state == "bad")), checks
    assert words in checks[name]["message"], checks
    assert checks[name]["advice"]
    assert checks["settings"]["state"] != "bad"
    return checks[name]


def wish(**fields: Any) -> CheckContext:
    return CheckContext(Environment(**fields))
