"""Transactions: readers wait for nobody, and what goes wrong names no password."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from akma_core.database import Ledger
from akma_core.database.schema import facts
from akma_core.errors import FailureError
from tests.support.gcs import free_port
from tests.support.rows import accept


def test_readers_do_not_wait_for_a_writer(ledger: Ledger) -> None:
    render_id = accept(ledger)
    with ledger._write() as connection:
        connection.execute(sa.insert(facts).values(key="k", value="v"))
        found: list[object] = []
        reader = threading.Thread(target=lambda: found.append(ledger.get(render_id)))
        reader.start()
        reader.join(10)
        assert found, "the reader waits"


def test_what_fails_half_way_leaves_nothing(ledger: Ledger) -> None:
    def half() -> None:
        with ledger._write() as connection:
            connection.execute(sa.insert(facts).values(key="k", value="half"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert ledger.fact("k", "whole") == "whole"


def test_sqlite_keeps_a_log_that_survives_a_power_cut(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/not/yet/akma.sqlite")
    with ledger._read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
    ledger.close()


def test_an_unreachable_database_is_one_line_without_the_password() -> None:
    with pytest.raises(FailureError) as caught:
        Ledger(f"postgresql+psycopg://akma:hunter2secret@127.0.0.1:{free_port()}/akma")
    assert caught.value.code == "database_unreachable"
    assert "hunter2secret" not in repr(caught.value)
    assert caught.value.message.startswith("the database does not answer (")


def test_a_wrong_password_is_not_told(server: str) -> None:
    with pytest.raises(FailureError) as caught:
        Ledger(server.replace("akma@", "nobody:hunter2secret@").replace("postgresql:", "postgresql+psycopg:"))
    assert "hunter2secret" not in repr(caught.value)


def _execute(ledger: Ledger, statement: str) -> None:
    with ledger._write() as connection:
        connection.execute(sa.text(statement))


def test_a_database_that_goes_away_comes_back(url: str, tmp_path: Path) -> None:
    ledger = Ledger(url)
    render_id = accept(ledger)
    if ledger.is_sqlite:
        file = tmp_path / "akma.sqlite"
        ledger.close()  # another connection is another open
        file.rename(tmp_path / "away")
        file.mkdir()
        with pytest.raises(FailureError, match="database does not answer"):
            ledger.get(render_id)
        file.rmdir()
        (tmp_path / "away").rename(file)
    else:
        backends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        with pytest.raises(FailureError, match="database does not answer"):
            _execute(ledger, backends)
    assert ledger.get(render_id)
    ledger.close()
