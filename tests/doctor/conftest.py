"""Fixtures of the doctor's tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.postgres import cluster


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("AKMA_", "STORAGE_EMULATOR"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("AKMA_HOME", str(folder))
    monkeypatch.setenv("AKMA_NODE", "test")
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "bentoml"))
    return folder


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A server that lets the user `locked` in with a password only, and anybody from 127.0.0.2."""
    with cluster() as url:
        with psycopg.connect(url, autocommit=True) as session:
            session.execute("CREATE ROLE guest LOGIN")
            session.execute("CREATE ROLE locked LOGIN PASSWORD 'another'")
            row = session.execute("SHOW hba_file").fetchone()
            assert row
            rules = Path(row[0])
            added = "host all locked 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.2/32 trust\n"
            rules.write_text(added + rules.read_text())
            session.execute("SELECT pg_reload_conf()")
        yield url
