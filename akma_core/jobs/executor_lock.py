"""One living process for each executor: two of them with one name would do the same work twice.

SQLite means one machine: a lock on a file. On Postgres a session's advisory lock, so that every node can see which
executors live: a process that dies, or loses its network, loses its lock.
"""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psycopg
import sqlalchemy as sa

from akma_core.database.engine import CONNECT_OPTIONS
from akma_core.errors import FailureError
from akma_core.files import lock_file

SPACE = 0x616B6D61  # "akma": our half of Postgres' two-part lock numbers


class FileLock:
    """On one machine."""

    def __init__(self, folder: Path, executor: str) -> None:
        self._path = folder / f"{executor}.lock"
        self._file: IO[str] | None = None

    def take(self) -> bool:
        """Hold it, from now until the process ends or lets go; False while another does."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = lock_file(self._path)
        return self._file is not None

    def held(self) -> bool:
        """True where it is still ours."""
        return self._file is not None

    def free(self, _executor: str, *, silent: bool = False) -> bool:  # noqa: ARG002
        """True where nobody holds another executor's: never on one machine, where it comes back by itself."""
        return False

    def release(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


class PostgresLock:
    """Across machines; wants a direct connection, not a pooler in transaction mode."""

    def __init__(self, url: str, executor: str) -> None:
        self._address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._executor = executor
        self._connection: psycopg.Connection[Any] | None = None

    def take(self) -> bool:
        """As FileLock.take; FailureError where the database does not answer."""
        self.release()
        try:
            connection = psycopg.connect(
                self._address,
                autocommit=True,
                application_name=f"akma {self._executor}",
                **CONNECT_OPTIONS,
            )
            row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", _numbers(self._executor)).fetchone()
        except psycopg.Error as error:
            message = f"the database does not answer ({str(error).strip().splitlines()[0][:200]})"
            raise FailureError(message, code="database_unreachable") from error
        if not row or not row[0]:
            connection.close()
            return False
        self._connection = connection
        return True

    def held(self) -> bool:
        """True where the session that holds it still lives."""
        if self._connection is None:
            return False
        try:
            self._connection.execute("SELECT 1")
        except psycopg.Error:
            self.release()
            return False
        return True

    def free(self, executor: str, *, silent: bool = False) -> bool:
        """True where no living process is that executor; one that is `silent`, frozen or cut off, loses its session."""
        numbers = [number % 2**32 for number in _numbers(executor)]
        try:
            with psycopg.connect(self._address, autocommit=True, connect_timeout=10) as connection:
                holder = connection.execute(
                    "SELECT pid FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database"
                    " WHERE datname = current_database() AND locktype = 'advisory'"
                    " AND classid = %s AND objid = %s AND objsubid = 2",
                    numbers,
                ).fetchone()
                if holder and silent:
                    connection.execute("SELECT pg_terminate_backend(%s)", holder)
        except psycopg.Error:
            return False
        return holder is None or silent

    def release(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


def _numbers(executor: str) -> tuple[int, int]:
    """Two signed numbers of 32 bits."""
    return SPACE, int.from_bytes(hashlib.sha256(executor.encode()).digest()[:4], "big", signed=True)
