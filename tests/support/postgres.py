"""A real Postgres for tests, from the programs that Debian's package brings: a cluster of its own, thrown away."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.support.gcs import free_port


def programs() -> Path | None:
    """Folder with initdb and its like; None where there is none."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    found = shutil.which("pg_ctl")
    return versions[-1] if versions else Path(found).resolve().parent if found else None


@contextmanager
def cluster(*, wanted: bool = True) -> Iterator[str]:
    """URL of an empty database on a server that runs as long as the block; "" unless it is `wanted`."""
    if not wanted:
        yield ""
        return
    bin_folder = programs()
    if bin_folder is None:
        pytest.skip("Postgres is not installed")
    port = free_port()
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="akma-postgres-"))  # not pytest's, into which nobody else may look
    if user:
        shutil.chown(folder, user)
    data = folder / "data"
    _run(user, bin_folder / "initdb", "-D", data, "-U", "akma", "-A", "trust", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    options += " -c max_connections=1500 -c fsync=off"
    _run(user, bin_folder / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    try:
        _run(user, bin_folder / "createdb", "-h", "127.0.0.1", "-p", port, "-U", "akma", "akma")
        yield f"postgresql://akma@127.0.0.1:{port}/akma"
    finally:
        _run(user, bin_folder / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str | None:
    """Who it runs as: it refuses to be root."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"


def _run(user: str | None, *command: object) -> None:
    done = subprocess.run([str(part) for part in command], user=user, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr


def emptied(url: str) -> str:
    """The same database without a table; a new one takes a second, and is 300 files."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS public, dbos CASCADE; CREATE SCHEMA public")
    return url
