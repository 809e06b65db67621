"""Transactions: readers wait for nobody, and what goes wrong names no password."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from akma_core.database import Database
from akma_core.database.schema import facts
from akma_core.errors import FailureError
from tests.support.gcs import free_port
from tests.support.rows import accept


def test_readers_do_not_wait_for_a_writer(database: Database) -> None:
    render_id = accept(database)
    with database._write() as connection:
        connection.execute(sa.insert(facts).values(key="k", value="v"))
        found: list[object] = []
        reader = threading.Thread(target=lambda: found.append(database.get(render_id)))
        reader.start()
        reader.join(10)
        assert found, "the reader waits"


def test_what_fails_half_way_leaves_nothing(database: Database) -> None:
    def half() -> None:
        with database._write() as connection:
            connection.execute(sa.insert(facts).values(key="k", value="half"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert database.fact("k", "whole") == "whole"


def test_sqlite_keeps_a_log_that_survives_a_power_cut(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/not/yet/akma.sqlite")
    with database._read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
    database.close()


def test_an_unreachable_database_is_one_line_without_the_password() -> None:
    with pytest.raises(FailureError) as caught:
        Database(f"postgresql+psycopg://akma:hunter2secret@127.0.0.1:{free_port()}/akma")
    assert caught.value.code == "database_unreachable"
    assert "hunter2secret" not in repr(caught.value)
    assert caught.value.message.startswith("the database does not answer (")


def test_a_wrong_password_is_not_told(server: str) -> None:
    with pytest.raises(FailureError) as caught:
        Database(server.replace("akma@", "nobody:hunter2secret@").replace("postgresql:", "postgresql+psycopg:"))
    assert "hunter2secret" not in repr(caught.value)


def _execute(database: Database, statement: str) -> None:
    with database._write() as connection:
        connection.execute(sa.text(statement))


def test_a_database_that_goes_away_comes_back(url: str, tmp_path: Path) -> None:
    database = Database(url)
    render_id = accept(database)
    if database.is_sqlite:
        file = tmp_path / "akma.sqlite"
        database.close()  # another connection is another open
        file.rename(tmp_path / "away")
        file.mkdir()
        with pytest.raises(FailureError, match="database does not answer"):
            database.get(render_id)
        file.rmdir()
        (tmp_path / "away").rename(file)
    else:
        backends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        with pytest.raises(FailureError, match="database does not answer"):
            _execute(database, backends)
    assert database.get(render_id)
    database.close()


def test_tables_that_are_not_ours_are_no_outage(database: Database) -> None:
    accept(database)
    _execute(database, "ALTER TABLE akma_renders RENAME COLUMN metadata TO words")
    with pytest.raises(FailureError, match="tables are not this AKMA's") as caught:
        database.page(None, None, 1)
    assert caught.value.code == "database_unfit"
