"""What is wrong with database, storage and clocks is named, by the real command with real parts."""

import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from akma_core import registry
from akma_core.doctor import services
from akma_core.jobs.executor_lock import PostgresLock
from akma_core.storage import open_storage
from tests.support import gcs
from tests.support.doctor import ROOT, SECRET, akma, named, wish


def test_postgres(postgres: str) -> None:
    code, checks, _ = akma("database", "lock", "clock", AKMA_DATABASE_URL=postgres)
    assert code == 0
    assert {check["state"] for check in checks.values()} == {"ok"}, checks
    assert checks["database"]["message"].startswith("Postgres 1")
    assert "the database " in checks["clock"]["message"]


def test_a_database_that_is_down() -> None:
    url = f"postgresql://akma:sec%40ret-4711@127.0.0.1:{gcs.free_port()}/akma"
    code, checks, said = akma("database", "lock", AKMA_DATABASE_URL=url)
    assert (code, checks["database"]["state"]) == (1, "bad")
    assert "Connection refused" in checks["database"]["message"]
    assert "mend host and port" in checks["database"]["advice"]
    assert checks["lock"]["message"] == "not looked at, since database is bad"
    assert "4711" not in said


def test_a_database_url_that_is_none() -> None:
    for url in (f"postgresql://akma:{SECRET}@127.0.0.1/akma", "mysql://akma:4711@h"):
        code, checks, said = akma("database", AKMA_DATABASE_URL=url)
        assert code == 2
        assert checks["settings"]["message"].startswith("AKMA_DATABASE_URL should be postgresql://")
        assert "4711" not in said


def test_a_wrong_password(postgres: str) -> None:
    url = postgres.replace("akma@", "locked:wrong-4711@")
    found = named("database", "password authentication failed", AKMA_DATABASE_URL=url)
    assert "user and password" in found["advice"]
    assert "4711" not in str(found)


def test_a_database_that_does_not_exist(postgres: str) -> None:
    url = postgres.removesuffix("akma") + "nothing"
    assert "createdb" in named("database", '"nothing" does not exist', AKMA_DATABASE_URL=url)["advice"]


def test_a_database_that_may_not_be_written(postgres: str) -> None:
    url = postgres.replace("akma@", "guest@")
    assert (
        "GRANT CREATE ON SCHEMA public" in named("database", "no right to make tables", AKMA_DATABASE_URL=url)["advice"]
    )


class Pooler:
    """A pooler before Postgres: a backend belongs to a client for one transaction. Comes from 127.0.0.2."""

    def __init__(self, url: str) -> None:
        self._server = int(url.rpartition(":")[2].partition("/")[0])
        self._idle: list[tuple[socket.socket, bytes]] = []  # with what it said at its start
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(str(self._server), str(self._door.getsockname()[1]))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            while True:  # until it says who it is, not what encryption it would like
                size = _exactly(client, 4)
                start = size + _exactly(client, struct.unpack("!I", size)[0] - 4)
                if start[4:6] != b"\x04\xd2":
                    break
                client.sendall(b"N")
            backend = self._backend(start)
            client.sendall(backend[1])
            mine, question = False, b""
            self._idle.append(backend)
            while part := _message(client):
                question += part
                if part[:1] not in (b"Q", b"S"):
                    continue
                if not mine:
                    backend, mine = self._backend(start), True
                backend[0].sendall(question)
                question, answer = b"", b""
                while answer[:1] != b"Z":
                    answer = _message(backend[0])
                    if answer == b"Z\0\0\0\5I":
                        mine = False
                        self._idle.append(backend)
                    client.sendall(answer)

    def _backend(self, start: bytes) -> tuple[socket.socket, bytes]:
        if self._idle:
            return self._idle.pop()
        server = socket.create_connection(("127.0.0.1", self._server), source_address=("127.0.0.2", 0))
        server.sendall(start)
        said = b""
        while not said.endswith(b"Z\0\0\0\5I"):
            said += _message(server)
        return server, said

    def __enter__(self) -> "Pooler":
        return self

    def __exit__(self, *error: object) -> None:
        self._door.close()
        for server, _ in self._idle:
            server.close()


def _message(source: socket.socket) -> bytes:
    """Kind, length, content; nothing at the end."""
    head = _exactly(source, 5)
    return head + _exactly(source, struct.unpack("!I", head[1:])[0] - 4) if head and head[:1] != b"X" else b""


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = source.recv(size - len(data))
        if not piece:
            return b""
        data += piece
    return data


def test_a_pooler_in_between(postgres: str) -> None:
    with Pooler(postgres) as pooler:
        found = named("database", "pooler in transaction mode", AKMA_DATABASE_URL=pooler.url)
        assert "pool_mode = session" in found["advice"]


def test_a_worker_of_that_name_on_this_machine(home: Path) -> None:
    code = f"""
import pathlib, time
from akma_core.jobs.executor_lock import FileLock
lock = FileLock(pathlib.Path({str(home / "locks")!r}), "test-0")
print(lock.take(), flush=True)
time.sleep(99)"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        try:
            assert other.stdout
            assert other.stdout.readline() == "True\n"
            found = named("lock", f"worker test-0 runs here, process {other.pid}", state="warn")
            assert "AKMA_NODE" in found["advice"]
        finally:
            other.kill()
    assert services.lock(wish()).state == "ok"


def test_a_worker_of_that_name_on_another_machine(postgres: str) -> None:
    with Pooler(postgres) as road:
        far = PostgresLock(road.url, "test-0")
        assert far.take()
        named("lock", "worker test-0 runs at 127.0.0.2 already", AKMA_DATABASE_URL=postgres)
        far.release()
    near = PostgresLock(postgres, "test-0")
    assert near.take()
    named("lock", "runs on this machine", state="warn", AKMA_DATABASE_URL=postgres)
    near.release()


def test_clocks_that_differ(postgres: str) -> None:
    asked = wish(database_url=postgres)
    assert services.clock(asked).state == "ok"
    found = services.clock(asked, lambda: time.time() - 5)
    assert (found.state, found.message) == ("warn", "the database is 5.0 s ahead of this machine")
    assert services.clock(asked, lambda: time.time() + 3600).state == "bad"
    assert services.clock(wish(), lambda: 3e8).message == "the clock says 1979-07-05"


def test_sqlite_where_it_does_not_work(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = f"/dev/sda / ext4 rw\nserver:/x {home.parent} nfs4 rw\n"
    assert services.filesystem(home, mounts) == "nfs4"
    assert services.filesystem(Path("/elsewhere"), mounts) == "ext4"
    assert services.database(wish()).state == "ok"
    assert not list(home.iterdir())
    (home / "akma.sqlite").write_text("this is not what it was" * 100)
    assert "bring it back" in named("database", "file is not a database")["advice"]
    (home / "akma.sqlite").unlink()
    monkeypatch.setattr(services, "filesystem", lambda _: "nfs4")
    assert "locks cannot be trusted" in services.database(wish()).message


def test_a_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    with gcs.bucket() as emulator:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.url)
        code, checks, _ = akma("storage", "models", "clock", AKMA_STORAGE="gs://akma/here")
        assert code == 0
        assert "emulator" in checks["settings"]["message"]
        assert checks["storage"]["state"] == "ok"
        assert "cannot sign links" in checks["storage"]["message"]
        assert "the bucket " in checks["clock"]["message"]
        found = named("storage", "bucket elsewhere does not exist", AKMA_STORAGE="gs://elsewhere")
        assert found["advice"] == "make it, or mend AKMA_STORAGE"


def test_a_bucket_that_cannot_be_reached() -> None:
    emulator = f"http://127.0.0.1:{gcs.free_port()}"
    code, checks, _ = akma("storage", "models", STORAGE_EMULATOR_HOST=emulator, AKMA_STORAGE="gs://akma")
    assert (code, checks["storage"]["state"]) == (1, "bad")
    assert "no connection" in checks["storage"]["message"]
    assert "mend AKMA_STORAGE" in checks["storage"]["advice"]
    assert checks["models"]["message"] == "not looked at, since storage is bad"


def test_a_bucket_without_rights() -> None:
    with gcs.bad_road() as road:
        road.plans += [gcs.refused(403)] * 4
        found = named("storage", "no right", STORAGE_EMULATOR_HOST=road.url, AKMA_STORAGE="gs://akma")
        assert "roles/storage.objectUser" in found["advice"]


def test_an_imported_network_that_is_damaged(home: Path, network: Path) -> None:
    storage = open_storage((home / "storage").as_uri())
    card = registry.add(storage, network)
    assert services.models(wish()).message == "1 imported models and 0 imported upscalers, all whole"
    folder = home / "storage/models" / card.digest
    weights = folder / "network.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    found = named("models", f"network.safetensors has {len(whole) - 1} of {len(whole)} bytes")
    assert "import it again" in found["advice"]
    for damage, words in ((b"\xff" * 50, "cannot be read"), (b"", "cannot be read"), (None, "is missing")):
        weights.unlink() if damage is None else weights.write_bytes(damage)
        assert services.models(wish()).message.endswith(f"network.safetensors {words}")
    (folder / "network.json").write_text("{}")
    assert services.models(wish()).message.endswith("network.json cannot be read")
    (folder / "network.json").unlink()
    weights.write_bytes(whole)
    assert services.models(wish()).state == "warn"
