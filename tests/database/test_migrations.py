"""Databases of every age are brought up; newer ones are left alone."""

import shutil
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from akma_core.database import Database, migrations
from akma_core.database.schema import metadata
from akma_core.errors import FailureError
from tests.support.rows import accept, finish

GOLDEN = Path(__file__).parents[1] / "golden/database"


def differences(database: Database) -> list[object]:
    with database._read() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": migrations.VERSION_TABLE, "target_metadata": metadata}
        )
        found: list[object] = compare_metadata(context, metadata)
    return found


def test_the_last_step_is_what_this_akma_needs() -> None:
    scripts = ScriptDirectory.from_config(migrations._config())
    assert scripts.get_heads() == [migrations.HEAD]
    assert [each.revision for each in scripts.walk_revisions()][-1] == migrations.FIRST


def test_the_steps_give_the_tables_of_the_schema(database: Database) -> None:
    assert differences(database) == []
    with database._read() as connection:
        assert migrations.version_of(connection) == migrations.HEAD


def test_a_database_of_before_versions_keeps_its_renders(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "before-versions.sqlite", tmp_path / "akma.sqlite")
    database = Database(f"sqlite:///{tmp_path}/akma.sqlite")
    assert differences(database) == []
    done, running, queued = database.page(None, None, 10)
    assert [done.status, running.status, queued.status] == ["done", "running", "queued"]
    assert (done.bytes, done.video_sha256, done.metadata) == (12345, None, None)
    assert [text for _, text in database.notes(running.id)] == ["something happened"]
    assert database.fact("link_secret", "another") == "abc"
    assert finish(database, running.id, 1, 2) == 0  # it goes on where it was
    assert accept(database)
    database.close()


def test_tables_of_before_versions_on_every_database(url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrations.migrate(connection)
        for table, column in (
            ("akma_renders", "metadata"), ("akma_renders", "video_bytes"), ("akma_renders", "video_sha256"),
            ("akma_renders", "files"),
        ):  # fmt: skip
            connection.execute(sa.text(f"ALTER TABLE {table} DROP COLUMN {column}"))
        for table in ("akma_songs", "akma_objects", "akma_deliveries"):
            connection.execute(sa.text(f"DROP TABLE {table}"))
        connection.execute(sa.text(f"DROP TABLE {migrations.VERSION_TABLE}"))
    engine.dispose()
    database = Database(url)
    assert differences(database) == []
    database.close()


def test_a_newer_database_is_not_touched(url: str) -> None:
    Database(url).close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '9999'"))
        connection.execute(sa.text("ALTER TABLE akma_renders ADD COLUMN later TEXT"))
    with pytest.raises(FailureError, match=r"newer AKMA .*9999.*: update AKMA on this machine") as caught:
        Database(url)
    assert caught.value.code == "database_newer"
    with engine.begin() as connection:
        assert migrations.version_of(connection) == "9999"
    engine.dispose()


def test_other_peoples_tables_are_told_in_a_line(url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE akma_workers (id TEXT)"))
    with pytest.raises(FailureError, match="give AKMA a database of its own") as caught:
        Database(url)
    assert caught.value.code == "database_unfit"
    with engine.begin() as connection:
        assert not sa.inspect(connection).has_table("akma_renders")  # all of it or nothing
    engine.dispose()


def test_many_open_an_old_database_at_once(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "before-versions.sqlite", tmp_path / "akma.sqlite")
    opened: list[Database] = []

    def open_it() -> None:
        opened.append(Database(f"sqlite:///{tmp_path}/akma.sqlite"))

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(opened) == 6
    assert differences(opened[0]) == []
    for database in opened:
        database.close()
