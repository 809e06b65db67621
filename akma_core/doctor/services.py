"""The database, the storage, the clocks of both, and who else has this node's name."""

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import sqlalchemy as sa
from pydantic import ValidationError

from akma_core import registry
from akma_core.config import Environment
from akma_core.database import migrations
from akma_core.doctor.finding import CheckContext, CheckResult, bad, ok, summary, warn
from akma_core.errors import FailureError
from akma_core.jobs.executor_lock import SPACE, FileLock, PostgresLock
from akma_core.storage import Storage, open_storage

# File systems on which SQLite's locks cannot be trusted.
REMOTE = re.compile(r"nfs\d?|cifs|smb\d?|fuse\.(sshfs|gcsfuse|s3fs|rclone|glusterfs)|lustre|ceph")
SKEW, TOO_MUCH = 2.0, 60.0  # seconds between two clocks: worth a word; signatures and time limits fail
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)  # this program is younger
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
POSTGRES = 14  # the oldest version that its makers still mend
CONNECT = 5  # seconds to reach a database
DEADLINE = 8.0  # seconds for one exchange with a bucket
SLOW = 3.0  # seconds for the four exchanges of a storage's check
MAX_HEADER = 16 << 20  # bytes
NTP = "set the clock by NTP: timedatectl set-ntp true"

REASONS = (  # what Postgres and its library say when they refuse, and what helps
    ("password authentication|no password|role .* does not exist", "mend user and password in AKMA_DATABASE_URL"),
    ("database .* does not exist", "make it with createdb, or mend AKMA_DATABASE_URL"),
    ("pg_hba|SSL|encryption", "let this machine in by the server's pg_hba.conf, or add ?sslmode=require to the URL"),
    ("too many clients|connection slots", "raise the server's max_connections"),
    ("startup parameter", "connect to Postgres itself, not to a pooler"),
    ("", "start it, mend host and port in AKMA_DATABASE_URL, or let this machine through to it"),
)


def database(wish: CheckContext) -> CheckResult:
    """Check that the database answers, may be written to, and keeps a session's locks."""
    environment = wish.environment
    if not environment.is_postgres:
        return _sqlite(Path(environment.database("akma").removeprefix("sqlite:///")))
    try:
        return _postgres(environment)
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0][:300]
        return bad(reason, next(advice for pattern, advice in REASONS if re.search(pattern, reason)))


def _postgres(environment: Environment) -> CheckResult:
    troubles = []
    with _session(environment) as session, _session(environment, autocommit=False) as other:
        backend, kept = _one(session, "SELECT pg_backend_pid(), pg_try_advisory_lock(%s, 0)", SPACE + 1)
        # In transaction mode a pooler gives this transaction what the first session has just let go.
        held = _one(
            other,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND pid <> pg_backend_pid()",
            SPACE + 1,
        )[0]
        direct = _one(session, "SELECT pg_backend_pid()")[0] == backend and (held or not kept)
        if not direct:
            advice = "give the server's own address, or set pool_mode = session: workers hold locks by their session"
            troubles.append(bad("a pooler in transaction mode is in between", advice))
        number, schema, own, replica, tables, dbos = _one(session, RIGHTS)
        if replica:
            troubles.append(bad("the server is a replica, which cannot be written to", "give the primary's address"))
        elif not (tables or own):
            troubles.append(
                bad(f"no right to make tables in schema {schema}", f"GRANT CREATE ON SCHEMA {schema} TO that user")
            )
        elif not dbos:
            troubles.append(bad("no right to make the schema dbos", "GRANT CREATE ON DATABASE to that user"))
        major = session.info.server_version // 10000
        if major < POSTGRES:
            troubles.append(warn(f"Postgres {major} is old", f"take {POSTGRES} or later"))
        troubles += _schema(environment.database("akma"))
        info = session.info
        return summary(f"Postgres {number.split()[0]} at {info.host}:{info.port}/{info.dbname}", troubles)


RIGHTS = (
    "SELECT current_setting('server_version'), current_schema(), has_schema_privilege(current_schema(), 'CREATE'),"
    " pg_is_in_recovery(), to_regclass('akma_renders') IS NOT NULL,"
    " to_regnamespace('dbos') IS NOT NULL OR has_database_privilege(current_database(), 'CREATE')"
)


@contextmanager
def _session(environment: Environment, *, autocommit: bool = True) -> Iterator[psycopg.Connection[Any]]:
    address = sa.make_url(environment.database("akma")).set(drivername="postgresql")
    text = address.render_as_string(hide_password=False)
    with psycopg.connect(text, autocommit=autocommit, connect_timeout=CONNECT, application_name="akma doctor") as found:
        yield found


def _one(session: psycopg.Connection[Any], query: str, *values: object) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = session.execute(query.encode(), values or None).fetchone()
    assert row
    return row


def _sqlite(path: Path) -> CheckResult:
    folder, troubles = path.parent, []
    kind = filesystem(folder)
    if REMOTE.fullmatch(kind):
        message = f"{folder} is on {kind}, where SQLite's locks cannot be trusted"
        troubles.append(bad(message, "set AKMA_HOME to a local disk, or AKMA_DATABASE_URL to a Postgres"))
    elif kind in ("tmpfs", "ramfs"):
        troubles.append(warn(f"{folder} is in memory: a restart forgets all renders", "set AKMA_HOME to a disk"))
    probe = folder / f".doctor-{uuid4().hex}.sqlite"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(probe, timeout=CONNECT)) as connection:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            connection.execute("CREATE TABLE probe (number INTEGER)")
        if mode != "wal":
            troubles.append(bad(f"SQLite keeps no write-ahead log in {folder}", "set AKMA_HOME to a local disk"))
    except (sqlite3.Error, OSError) as error:
        troubles.append(bad(f"SQLite cannot write in {folder} ({error})", "set AKMA_HOME to a folder of this user's"))
    finally:
        for left in ("", "-wal", "-shm"):
            with suppress(OSError):
                Path(f"{probe}{left}").unlink()
    for known in (path, path.with_name("dbos.sqlite")):
        if known.exists():
            try:
                with closing(sqlite3.connect(f"{known.as_uri()}?mode=ro", uri=True, timeout=CONNECT)) as connection:
                    connection.execute("SELECT count(*) FROM sqlite_master")
            except sqlite3.Error as error:
                troubles.append(
                    bad(f"{known} cannot be read ({error})", "bring it back from a backup, or move it away")
                )
    if path.exists() and not troubles:
        troubles += _schema(f"sqlite:///{path}")
    return summary(f"SQLite {sqlite3.sqlite_version} in {folder}, for this machine alone", troubles)


def _schema(url: str) -> Iterator[CheckResult]:
    """Check that the tables are not those of a newer AKMA; older ones are brought up when the service starts."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            migrations.check(migrations.version_of(connection))
    except FailureError as error:
        yield bad(error.message.rpartition(": ")[0], "update AKMA on this machine")
    except sa.exc.SQLAlchemyError as error:
        yield bad(f"the tables cannot be looked at ({str(error).splitlines()[0][:200]})", "see the message")
    finally:
        engine.dispose()


def filesystem(path: Path, mounts: str | None = None) -> str:
    """Kind of the file system that holds `path`: ext4, nfs4, tmpfs; "" where the machine does not tell.

    `mounts`: the text of /proc/self/mounts.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text(errors="replace")
        except OSError:
            return ""
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split()
        point = Path(fields[1].replace(r"\040", " "))
        if path.is_relative_to(point) and len(point.parts) >= best:  # the last one covers what was there
            best, kind = len(point.parts), fields[2]
    return kind


def storage(wish: CheckContext) -> CheckResult:
    """Put, read, list and delete; whether links can be signed."""
    url = wish.environment.storage_url
    opened = open_storage(url, deadline=DEADLINE)
    began = time.monotonic()
    opened.check()
    seconds = time.monotonic() - began
    text = f"{url}: put, read, listed and deleted in {seconds:.2f} s"
    if url.startswith("gs:"):
        signs = opened.signed_url("check/doctor", 60) is not None
        text += ", signs links" if signs else ", cannot sign links: videos go through the service"
    return warn(text, "choose a bucket near this machine") if seconds > SLOW else ok(text)


def models(wish: CheckContext) -> CheckResult:
    """Check that what was imported is whole in storage: cards that can be read, weights of the length that they tell.

    A bit that flipped is found by whoever loads them: that takes all their bytes.
    """
    opened = open_storage(wish.environment.storage_url, deadline=DEADLINE)
    found, troubles = [], []
    for kind in (registry.NETWORKS, registry.UPSCALERS):
        folders: dict[str, dict[str, int]] = {}
        for entry in opened.list(f"{kind.prefix}/"):
            _, digest, *name = entry.key.split("/")
            folders.setdefault(digest, {})["/".join(name)] = entry.size
        for digest, sizes in folders.items():
            if kind.card not in sizes:
                message = f"{kind.prefix}/{digest[:12]} was imported by half"
                troubles.append(warn(message, "import it again, or remove what is there"))
            elif reason := _damage(opened, kind, digest, sizes):
                message = f"{kind.prefix}/{digest[:12]} is damaged: {reason}"
                troubles.append(bad(message, "import it again (akma models import)"))
        found.append(f"{len(folders)} imported {kind.prefix}")
    return summary(f"{' and '.join(found)}, all whole", troubles)


def _damage(opened: Storage, kind: registry.Registry[Any], digest: str, sizes: dict[str, int]) -> str:
    """Describe what is wrong with an imported network; "" where nothing is."""
    prefix = f"{kind.prefix}/{digest}"
    try:
        card = kind.kind.model_validate_json(opened.get_bytes(f"{prefix}/{kind.card}", registry.MAX_CARD))
    except ValidationError:
        return f"{kind.card} cannot be read"
    if card.digest != digest:
        return f"{kind.card} is another network's"
    size = sizes.get(kind.weights)
    if size is None:
        return f"{kind.weights} is missing"
    # A safetensors file: the length of its header, the header, in which every tensor says where it ends.
    length = int.from_bytes(_bytes(opened, f"{prefix}/{kind.weights}", 0, 8), "little")
    try:
        header = json.loads(_bytes(opened, f"{prefix}/{kind.weights}", 8, 8 + min(length, MAX_HEADER)))
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return f"{kind.weights} cannot be read"
    whole = 8 + length + max(ends, default=0)
    return "" if size == whole else f"{kind.weights} has {size} of {whole} bytes"


def _bytes(opened: Storage, key: str, start: int, stop: int) -> bytes:
    return b"".join(opened.open_range(key, start, stop))


def clock(wish: CheckContext, now: Callable[[], float] = time.time) -> CheckResult:
    """Check that the clock is plausible, and agrees with the database's and the bucket's. `now`: seconds since 1970."""
    here = datetime.fromtimestamp(now(), UTC)
    if not EARLIEST < here < LATEST:
        return bad(f"the clock says {here:%Y-%m-%d}", NTP)
    off = {}
    if wish.environment.is_postgres:
        with suppress(psycopg.Error), _session(wish.environment) as session:
            before = now()
            theirs = float(_one(session, "SELECT extract(epoch FROM clock_timestamp())")[0])
            off["the database"] = theirs - (before + now()) / 2
    if wish.environment.storage_url.startswith("gs:") and (date := _bucket_date()) is not None:
        off["the bucket"] = date - now()
    troubles = []
    for name, seconds in off.items():
        if abs(seconds) > SKEW:
            side = "ahead of" if seconds > 0 else "behind"
            judge = bad if abs(seconds) > TOO_MUCH else warn
            troubles.append(judge(f"{name} is {abs(seconds):.1f} s {side} this machine", NTP))
    told = "".join(f", {name} {seconds:+.2f} s" for name, seconds in off.items())
    return summary(f"{here:%Y-%m-%d %H:%M:%S} UTC{told}", troubles)


def _bucket_date() -> float | None:
    """Get the time of the storage's server, to half a second; None where it does not say."""
    import requests

    host = os.environ.get("STORAGE_EMULATOR_HOST") or "https://storage.googleapis.com"
    with suppress(requests.RequestException, KeyError, ValueError):
        date = requests.head(host, timeout=CONNECT).headers["Date"]
        return parsedate_to_datetime(date).timestamp() + 0.5  # it names whole seconds
    return None


def lock(wish: CheckContext) -> CheckResult:
    """Check that no other process works under this node's name."""
    environment = wish.environment
    name = f"{environment.node}-0"
    advice = "well if that is your service; else give each node an AKMA_NODE of its own"
    if not environment.is_postgres:
        folder = environment.home / "locks"
        mine = FileLock(folder, name)
        if not mine.take():
            return warn(f"worker {name} runs here, {_holder(folder / f'{name}.lock')}", advice)
        mine.release()
        return ok(f"no other worker is called {name}")
    if PostgresLock(environment.database("dbos"), name).free(name):
        return ok(f"no other worker is called {name}")
    with _session(environment) as session:
        row = session.execute(
            "SELECT host(client_addr), client_addr <> inet_client_addr() FROM pg_stat_activity"
            " WHERE application_name = %s", (f"akma {name}"[:63],),
        ).fetchone()  # fmt: skip
    if row and row[1]:  # none of them for a socket of the server's own machine
        return bad(f"worker {name} runs at {row[0]} already", "give this machine an AKMA_NODE of its own")
    return warn(f"worker {name} runs on this machine, or behind its address", advice)


def _holder(path: Path) -> str:
    """The process that locked a file."""
    with suppress(OSError):
        number = str(path.stat().st_ino)
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()  # 1: FLOCK ADVISORY WRITE 4711 fe:00:1234 0 EOF
            if fields[1] == "FLOCK" and fields[5].split(":")[-1] == number:
                return f"process {fields[4]}"
    return "another process"
