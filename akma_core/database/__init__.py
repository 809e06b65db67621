"""What the service knows of its renders: one row a render, one a chunk, in SQLite or Postgres.

The API writes wishes here (a render, a cancellation, an errand) and reads how far they are; workers find them, and
write what they did. The pictures themselves are in storage, and who does what next is for `akma_core.jobs.workflows`.
"""

from akma_core.database.chunks import Chunks
from akma_core.database.renders import Renders
from akma_core.database.schema import WAITING, Caps, Progress, Pulse, Render, Row
from akma_core.database.tasks import FRESH, Errands

__all__ = ["FRESH", "WAITING", "Caps", "Ledger", "Progress", "Pulse", "Render", "Row"]


class Ledger(Renders, Chunks, Errands):
    """All of it: `Ledger(url)` with SQLAlchemy's URL. FailureError (database_unreachable) where it does not answer."""
