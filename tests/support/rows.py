"""Renders to put into a database."""

import time
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from akma_core.database import Caps, Database, Render

ROOM = Caps(jobs=10_000, seconds=1e9, key=10_000)


def new_render(**fields: Any) -> Render:
    """One that nobody has seen yet."""
    key = uuid4().hex
    given: dict[str, Any] = {
        "id": key,
        "created": time.time(),
        "owner": "ann",
        "fingerprint": "f",
        "settings": "{}",
        "name": "song.wav",
    }
    given |= {"audio": f"renders/{key}/audio.wav", "seconds": 10.0, "frames": 300, "fps": "30"}
    return Render(**given | fields)


def accept(database: Database, **fields: Any) -> str:
    """The id of a render that is accepted."""
    return database.accept(new_render(**fields), ROOM).id


def begin(database: Database, sizes: list[int], **fields: Any) -> str:
    """The id of a render whose chunks have so many frames."""
    render_id = accept(database, **fields)
    assert database.start(render_id, sizes)
    return render_id


def finish(database: Database, render_id: str, *indices: int) -> int:
    """Chunks become whole; how many are missing then."""
    missing = -1
    for index in indices:
        missing = database.finish_segment(render_id, index, "w", [], rendered=True)
    return missing


def set_clock(monkeypatch: pytest.MonkeyPatch, database: Database, seconds: float) -> None:
    """Let rows have their times `seconds` later than now, whatever the database is."""
    now = time.time() + seconds
    monkeypatch.setattr(database, "_now", lambda: sa.literal(now))
