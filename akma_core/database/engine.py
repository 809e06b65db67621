"""SQLite or Postgres: connections, and transactions that read or write."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from akma_core.database.migrations import migrate
from akma_core.errors import FailureError

# libpq's: a network that is gone is noticed in seconds, not in a quarter of an hour. tcp_user_timeout is milliseconds.
CONNECT_OPTIONS: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    # The server's side of it: a machine that is gone in the middle of a transaction must not keep its rows locked.
    "options": "-c idle_in_transaction_session_timeout=15000 -c lock_timeout=30000"
    " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3",
}


class Engine:
    """A connection pool with the tables in it; short transactions, from any number of threads and processes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
            self._engine = sa.create_engine(url, connect_args={"timeout": 30}, pool_size=40, max_overflow=8)
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        else:
            self._engine = sa.create_engine(
                url, connect_args=CONNECT_OPTIONS, pool_size=8, max_overflow=32, pool_pre_ping=True, pool_timeout=30
            )
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        try:
            with _reached(), self._engine.begin() as connection:
                self._serialize(connection)
                migrate(connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with _reached(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with _reached(), self._engine.begin() as connection:
            yield connection

    def now(self) -> float:
        """Seconds since 1970 by the clock that rows have their times from."""
        if self.is_sqlite:
            return time.time()
        with self._read() as connection:
            return float(connection.execute(sa.select(self._now())).scalar_one())

    def _now(self) -> sa.ColumnElement[float]:
        """Seconds since 1970 by one clock: the database's, where several machines use it."""
        if self.is_sqlite:
            return sa.literal(time.time())
        return sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()), sa.Float)

    @staticmethod
    def _newest(table: sa.Table, owner: str | None, cursor: tuple[float, str] | None, limit: int) -> sa.Select[Any]:
        """Rows of a table, the newest first, of one owner or all; `cursor` is (created, id) of the last one seen."""
        query = sa.select(table).order_by(table.c.created.desc(), table.c.id.desc()).limit(limit)
        if owner is not None:
            query = query.where(table.c.owner == owner)
        if cursor is not None:
            query = query.where(sa.tuple_(table.c.created, table.c.id) < sa.tuple_(*map(sa.literal, cursor)))
        return query

    def _serialize(self, connection: sa.Connection) -> None:
        """One at a time from here to the end of the transaction; SQLite writes so anyway."""
        if not self.is_sqlite:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(721077)"))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the transactions are ours: pysqlite would begin them too late
    connection.execute("PRAGMA busy_timeout=30000")
    use_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: sa.Connection) -> None:
    """Writers queue up at once; readers, which "begin" as well, wait for nobody."""
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def use_wal(connection: sqlite3.Connection) -> None:
    """Readers then do not wait for writers. The file remembers; several processes may be about to change it."""
    until = time.monotonic() + 30
    while True:
        try:
            if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] == "wal":
                return
        except sqlite3.OperationalError:  # locked, which this one statement does not wait for
            if time.monotonic() > until:
                raise
        time.sleep(0.02)


@contextmanager
def _reached() -> Iterator[None]:
    """Turn errors of the database into one line, without its URL: that holds a password."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        reason = _reason(error)
        if re.match("no such (table|column)|table .* has no column", reason):
            raise _unfit(reason) from error
        raise FailureError(f"the database does not answer ({reason})", code="database_unreachable") from error
    except sa.exc.ProgrammingError as error:  # Postgres' word for what is missing: no outage, and it does not pass
        raise _unfit(_reason(error)) from error


def _reason(error: sa.exc.SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0][:200]


def _unfit(reason: str) -> FailureError:
    message = (
        f"the database's tables are not this AKMA's ({reason}): start AKMA again, or give it a database of its own"
    )
    return FailureError(message, code="database_unfit")
