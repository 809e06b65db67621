"""`akma doctor` as tests run it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from akma_core.config import Environment
from akma_core.doctor.finding import CheckContext

ROOT = Path(__file__).parents[2]
SECRET = "sec@ret-4711"


def akma(
    *arguments: object, before: tuple[str, ...] = (), **environ: str
) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Exit code of `akma doctor --json`, its checks by name, and all that it said."""
    command = [*before, sys.executable, "-m", "akma_core.cli", "doctor", "--json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | environ, cwd=ROOT)
    assert len(done.stderr.splitlines()) == (done.returncode != 0), done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    return done.returncode, checks, done.stdout + done.stderr


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
