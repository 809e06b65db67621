"""Database of the service: one row a render, one a chunk, one a song, in SQLite or Postgres.

The API writes wishes here (a render, a cancellation, a task) and reads how far they are; workers find them, and
write what they did. The pictures themselves are in storage, and who does what next is for `akma_core.jobs.workflows`.
"""

from akma_core.database.chunks import Chunks
from akma_core.database.deliveries import Deliveries, Delivery
from akma_core.database.objects import SONG, Checksum, Objects
from akma_core.database.renders import Renders
from akma_core.database.schema import Caps, ChunkProgress, Progress, Render, Row, Song
from akma_core.database.songs import Songs
from akma_core.database.tasks import FRESH, WorkerTasks

__all__ = [
    "FRESH",
    "SONG",
    "Caps",
    "Checksum",
    "ChunkProgress",
    "Database",
    "Delivery",
    "Progress",
    "Render",
    "Row",
    "Song",
]


class Database(Renders, Chunks, Objects, Deliveries, Songs, WorkerTasks):
    """All tables: `Database(url)` with SQLAlchemy's URL. FailureError (database_unreachable) if it does not answer."""
