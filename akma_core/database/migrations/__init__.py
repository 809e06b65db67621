"""Migrations: the tables have versions, and a database of before is brought up to this AKMA's when it is opened.

A step is a module in `versions/`, run by Alembic inside one transaction, under a lock: of any number of processes
that open a database at the same time one does it and the others find it done. Databases of before there were versions
have the tables of step 0001.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from akma_core.errors import FailureError

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "akma_schema"
FIRST = "0001"
HEAD = "0005"
"""The step that this AKMA needs; the last one in `versions/`."""


def version_of(connection: sa.Connection) -> str | None:
    """Step that the database is at: FIRST for tables of before there were versions, None for an empty database."""
    names = set(sa.inspect(connection).get_table_names())
    if VERSION_TABLE in names:
        found = connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
        if found:
            return str(found)
    return FIRST if "akma_renders" in names else None


def check(version: str | None) -> None:
    """FailureError, code database_newer, for a step that this AKMA does not know."""
    if version is not None and version > HEAD:
        message = f"the database is of a newer AKMA (its tables are at {version}, this one knows {HEAD})"
        raise FailureError(f"{message}: update AKMA on this machine", code="database_newer")


def migrate(connection: sa.Connection) -> None:
    """Bring the tables up to HEAD, in the transaction that `connection` is in; the caller holds the lock.

    FailureError: database_newer, and then nothing is touched; database_unfit where tables of that name are not AKMA's.
    """
    version = version_of(connection)
    check(version)
    if version == HEAD and _has_versions(connection):
        return
    from alembic import command  # not at the top: a database that is as it should be does without

    config = _config()
    config.attributes["connection"] = connection
    try:
        if version is not None and not _has_versions(connection):
            command.stamp(config, version)
        command.upgrade(config, HEAD)
    except (sa.exc.OperationalError, sa.exc.ProgrammingError) as error:
        reason = str(error.orig or error).strip().splitlines()[0]
        message = f"the database's tables cannot be brought to {HEAD} ({reason[:200]}): give AKMA a database of its own"
        raise FailureError(message, code="database_unfit") from error


def _has_versions(connection: sa.Connection) -> bool:
    return sa.inspect(connection).has_table(VERSION_TABLE)


@cache
def _folder() -> str:
    return str(Path(__file__).parent)


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _folder().replace("%", "%%"))
    return config
