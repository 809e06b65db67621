"""The `akma` command as tests run it, and settings of a small render."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from akma_core.cli import main


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("akma: ")
        assert "internal error" not in lines[0]
        return lines[0]


Akma = Callable[..., Result]


@pytest.fixture
def akma(capfd: pytest.CaptureFixture[str]) -> Akma:
    """The command in this process; what FFmpeg or libsndfile print counts as well."""

    def run(*arguments: object) -> Result:
        capfd.readouterr()
        try:
            code = main.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        return Result(code, *capfd.readouterr())

    return run


def options(network: Path, **more: Any) -> list[str]:
    """Settings of a small render, as typed."""
    fields = {"model": network, "fps": 8, "window_length": 5, "device": "cpu", **more}
    return [word for key, value in fields.items() for word in (f"--{key.replace('_', '-')}", str(value))]


def tree(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
