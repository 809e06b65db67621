"""A database on SQLite and on a real Postgres, empty for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from akma_core.database import Database
from tests.support.postgres import cluster, emptied


@pytest.fixture(scope="package")
def server() -> Iterator[str]:
    """URL of a Postgres that runs as long as the tests of this folder."""
    with cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLAlchemy's URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/akma.sqlite"
    return emptied(request.getfixturevalue("server")).replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()
