"""Files of deploy/, and the tools that check them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MODULES = [DEPLOY / "terraform", DEPLOY / "terraform/base", DEPLOY / "cloud-run"]
ENTRY = DEPLOY / "entrypoint.sh"
NODE = DEPLOY / "terraform/node.py"
SCHEMA = ROOT / "tests/golden/cloud-config.schema.json"
CONTAINER = {"PGPASSWORD", "PGSSLMODE", "STORAGE_EMULATOR_HOST"}  # read by libpq and Google's library


def tool(name: str) -> str:
    """A checker from beside this Python, or from the machine."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: object, **environ: str) -> "subprocess.CompletedProcess[str]":
    text = [str(part) for part in command]
    return subprocess.run(text, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False)
