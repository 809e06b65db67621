"""Renders that are over go after some days, or where they take too many bytes: the oldest first, with their files."""

import time
from dataclasses import replace

from akma_core.database import Database, Render
from akma_core.log import event
from akma_core.storage import Storage


def delete_expired(database: Database, storage: Storage, days: float, most_bytes: int | None) -> int:
    """Remove what is too old or too much; how many went."""
    over = database.over()
    if most_bytes is not None:
        over = [_measured(database, storage, render) for render in over]
    total = sum(render.bytes for render in over)
    oldest = time.time() - days * 86400
    gone = 0
    for render in over:
        too_old = (render.finished or render.created) < oldest
        if not too_old and (most_bytes is None or total <= most_bytes):
            continue
        # The marker first: what is left if this stops half-way is no finished render.
        storage.delete(f"renders/{render.id}/done")
        storage.delete_prefix(f"renders/{render.id}/")
        database.forget(render.id)
        total -= render.bytes
        gone += 1
        event("render_expired", render=render.id, reason="age" if too_old else "bytes", bytes=render.bytes)
    return gone


def _measured(database: Database, storage: Storage, render: Render) -> Render:
    """With its bytes: of one that failed or was cancelled nobody has counted them."""
    if render.bytes or render.status == "done":
        return render
    size = sum(entry.size for entry in storage.list(f"renders/{render.id}/"))
    database.update(render.id, unless_over=False, bytes=size)
    return replace(render, bytes=size)
