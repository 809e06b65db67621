"""Clean-up: renders that are over go after some days or beyond some bytes, and what dead processes left in storage.

Old workflows are DBOS': see workflows.prune_workflows.
"""

import math
import re
from dataclasses import replace
from datetime import UTC, datetime

from akma_core.database import Database, Render
from akma_core.log import event
from akma_core.storage import Storage
from akma_core.storage.layout import DONE, render_key

DAY = 86400.0  # seconds
SHORT_LIVED = ("previews/", "imports/")  # what lies there is fetched within minutes
RENDER_ID = re.compile("[0-9a-f]{32}")


def delete_render(database: Database, storage: Storage, render_id: str) -> None:
    """Remove every trace of a render that is over; the song stays where it was uploaded by itself."""
    # The marker first: what is left if this stops half-way is no finished render.
    storage.delete(render_key(render_id, DONE))
    storage.delete_prefix(render_key(render_id, ""))
    database.forget(render_id)


def delete_expired(database: Database, storage: Storage, now: float | None, days: float, most_bytes: int | None) -> int:
    """Remove what is too old at `now` or too much; how many went. Nothing is too old at None: see CleanUpClock."""
    over = database.over()
    if most_bytes is not None:
        over = [_measured(database, storage, render) for render in over]
    total = sum(render.bytes for render in over)
    oldest = -math.inf if now is None else now - days * DAY
    gone = 0
    for render in over:
        too_old = (render.finished or render.created) < oldest
        if not too_old and (most_bytes is None or total <= most_bytes):
            continue
        delete_render(database, storage, render.id)
        total -= render.bytes
        gone += 1
        event("render_expired", render=render.id, reason="age" if too_old else "bytes", bytes=render.bytes)
    return gone


def delete_orphans(storage: Storage, database: Database, now: float, older_than: float = DAY) -> list[str]:
    """Remove what a process that died left in storage `older_than` seconds before `now`; the prefixes that went.

    A finished video stays, also one that this database does not know: it may be all that is left of another.
    """
    limit = datetime.fromtimestamp(now - older_than, UTC)
    orphans = []
    newest: dict[str, datetime] = {}
    finished = set()
    for entry in storage.list("renders/"):
        render_id = entry.key.split("/")[1]
        if RENDER_ID.fullmatch(render_id):
            newest[render_id] = max(entry.modified, newest.get(render_id, entry.modified))
            if entry.key == f"renders/{render_id}/done":
                finished.add(render_id)
    for render_id, modified in newest.items():
        if modified < limit and render_id not in finished and database.get(render_id) is None:
            orphans.append(f"renders/{render_id}/")
            storage.delete_prefix(orphans[-1])
            database.expect_nothing(render_id)
    for prefix in SHORT_LIVED:
        for entry in storage.list(prefix):
            if entry.modified < limit:
                orphans.append(entry.key)
                storage.delete(entry.key)
    return orphans


def _measured(database: Database, storage: Storage, render: Render) -> Render:
    """With its bytes: of one that failed or was cancelled nobody has counted them."""
    if render.bytes or render.status == "done":
        return render
    size = sum(entry.size for entry in storage.list(f"renders/{render.id}/"))
    database.update(render.id, unless_over=False, bytes=size)
    return replace(render, bytes=size)
