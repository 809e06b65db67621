"""Structured log lines: one a line on stdout, JSON or text, without secrets.

What AKMA itself tells are events; a service takes over the records of all its libraries too: `log_records`.
"""

import json
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

LOGGER = "akma"
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
    """Write one line of AKMA's own. `name`: what happened, two or three words in snake_case; it is the line's message.

    `render` is the job that it is about. Values are cut at MAX_TEXT characters.
    """
    write(LOGGER, level, name, **{key: _short(value) for key, value in fields.items()})


def write(logger: str, level: str, message: str, **fields: Any) -> None:
    """Write one line of any logger. Where it cannot be written the work goes on without."""
    shown = {key: value for key, value in {**_fixed, **fields}.items() if value is not None}
    head = {"time": moment(time.time()), "level": level, "logger": logger, "message": message}
    if _as_json:
        line = json.dumps({**head, **shown}, ensure_ascii=False, default=str)
    else:
        line = " ".join([*head.values(), *(f"{key}={value}" for key, value in shown.items())])
    # What begins a line, moves a terminal's cursor or cannot be encoded is in no song's name without a purpose.
    line = "".join(character if character.isprintable() else " " for character in line)
    with _lock, suppress(OSError, ValueError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _short(value: Any) -> Any:
    return value[:MAX_TEXT] if isinstance(value, str) else value
