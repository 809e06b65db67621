"""Structured log lines: one event a line on stdout, JSON or text, without secrets."""

import json
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

MAX_TEXT = 500  # characters of a value

_lock = threading.Lock()
_fixed: dict[str, Any] = {}
_as_json = True


def configure(style: str, **fixed: Any) -> None:
    """Write "json" or "text" from now on; `fixed` stands in every line: node, process."""
    global _as_json
    _as_json = style == "json"
    _fixed.update(fixed)


def moment(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 has them, UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(name: str, level: str = "info", **fields: Any) -> None:
    """Write one line. `name`: what happened, two or three words in snake_case; `render`: the job it is about.

    Where it cannot be written the work goes on without.
    """
    now = time.time()
    shown = {key: _short(value) for key, value in {**_fixed, **fields}.items() if value is not None}
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
    if _as_json:
        line = json.dumps({"time": moment, "level": level, "event": name, **shown}, ensure_ascii=False, default=str)
    else:
        line = " ".join([moment, level, name, *(f"{key}={value}" for key, value in shown.items())])
    # What begins a line, moves a terminal's cursor or cannot be encoded is in no song's name without a purpose.
    line = "".join(character if character.isprintable() else " " for character in line)
    with _lock, suppress(OSError, ValueError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _short(value: Any) -> Any:
    return value[:MAX_TEXT] if isinstance(value, str) else value
