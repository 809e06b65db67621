"""What is wrong with a machine is named, by the real command with real parts, and nothing stops the command."""

import json
import os
import shutil
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from akma_core import registry
from akma_core.cli import doctor
from akma_core.cli.doctor import CHECKS, CheckProcess, examine, look
from akma_core.config import Environment
from akma_core.doctor import machine, services
from akma_core.doctor.finding import CheckContext, discreet
from akma_core.jobs.executor_lock import PostgresLock
from akma_core.storage import open_storage
from tests.support import gcs
from tests.support.postgres import cluster

ROOT = Path(__file__).parents[2]
SECRET = "sec@ret-4711"


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


def akma(
    *arguments: object, before: tuple[str, ...] = (), **environ: str
) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Exit code of `akma doctor --json`, its checks by name, and all that it said."""
    command = [*before, sys.executable, "-m", "akma_core.cli", "doctor", "--json", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ | environ, cwd=ROOT)
    assert len(done.stderr.splitlines()) == (done.returncode != 0), done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    return done.returncode, checks, done.stdout + done.stderr


def named(name: str, words: str, *arguments: object, state: str = "bad", **environ: Any) -> dict[str, Any]:
    """The finding of a check that says those words, of a command that has nothing else to complain of."""
    code, checks, _ = akma(name, *arguments, **environ)
    assert (checks[name]["state"], code) == (state, int(state == "bad")), checks
    assert words in checks[name]["message"], checks
    assert checks[name]["advice"]
    assert checks["settings"]["state"] != "bad"
    return checks[name]


def wish(**fields: Any) -> CheckContext:
    return CheckContext(Environment(**fields))


def test_this_machine_can_do_it() -> None:
    """All checks, as lines."""
    port = gcs.free_port()
    command = [sys.executable, "-m", "akma_core.cli", "doctor", "--device", "cpu", "--port", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines] == list(CHECKS)
    assert {line.split()[0] for line in lines} <= {"ok", "warn"}
    assert any("CPU, " in line for line in lines)
    assert any("ink " in line and "s a picture" in line for line in lines)


def test_a_node_that_does_not_render_needs_no_device() -> None:
    code, checks, _ = akma("--port", gcs.free_port(), AKMA_ROLE="api")
    assert code == 0
    assert set(checks) == {name for name, check in CHECKS.items() if not check.worker}


def test_a_wrong_setting() -> None:
    code, checks, said = akma(AKMA_DEVICE="gpu")
    assert code == 2
    assert list(checks) == ["settings"]
    assert checks["settings"]["message"].startswith("AKMA_DEVICE should be")
    assert "settings" in said.splitlines()[-1]


def test_wrong_keys_are_not_shown() -> None:
    code, checks, said = akma(AKMA_API_KEYS=f"me:king:{SECRET}-and-long")
    assert (code, checks["settings"]["state"]) == (2, "bad")
    assert "role" in checks["settings"]["message"]
    assert SECRET not in said


@pytest.mark.parametrize(
    ("environ", "words", "advice"),
    [
        ({"AKMA_STORGE": "file:///x"}, "AKMA_STORGE means nothing", "write AKMA_STORAGE"),
        ({"AKMA_API_KEYS_FILE": "/run/secrets/keys"}, "AKMA_API_KEYS_FILE means nothing", "entrypoint"),
        ({"AKMA_WEBHOOK_HOSTS": "example.com"}, "without AKMA_WEBHOOK_SECRET", "16 characters"),
        ({"AKMA_CORS_ORIGINS": "*"}, "every page", "name the origins"),
        ({"AKMA_DATABASE_URL": "postgresql://h/d", "AKMA_NODE": "localhost"}, "called localhost", "AKMA_NODE"),
    ],
)
def test_settings_that_make_no_sense(
    environ: dict[str, str], words: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    found, _ = look("settings", {})
    assert found.state == "warn"
    assert words in found.message
    assert advice in found.advice


def test_no_such_check() -> None:
    command = [sys.executable, "-m", "akma_core.cli", "doctor", "bladder"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no check bladder" in done.stderr


def test_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {
        f"{name}{allowed}".replace("psycopg", "psycopg[binary]") for name, allowed in machine.RANGES.items()
    } <= set(project["dependencies"])
    assert machine.libraries(wish()).state == "ok"
    monkeypatch.setitem(machine.RANGES, "av", "<2")
    assert machine.libraries(wish()).state == "warn"
    monkeypatch.setitem(machine.RANGES, "akma-has-no-such-part", ">=1")
    found = machine.libraries(wish())
    assert found.state == "bad"
    assert found.message.startswith("akma-has-no-such-part is missing; av ")


def bound_by_modes() -> tuple[str, ...]:
    """What goes before a command, so that it may not write where the modes of files say so."""
    if os.getuid() != 0:
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("root may write everywhere, and setpriv is missing")
    return ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")


def test_a_home_that_cannot_be_written(home: Path) -> None:
    home.mkdir(mode=0o500)
    found = named("folders", f"{home} cannot be written to (Permission denied)", before=bound_by_modes())
    assert "set AKMA_HOME" in found["advice"]
    _, checks, _ = akma("folders", "disk", before=bound_by_modes())
    assert checks["disk"]["message"] == "not looked at, since folders is bad"


def test_a_model_store_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "bentoml").write_text("a file")
    assert "set BENTOML_HOME" in named("folders", "bentoml cannot be made (File exists)")["advice"]


def test_a_storage_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "storage"
    folder.mkdir(mode=0o500)
    found = named("storage", "Permission denied", before=bound_by_modes(), AKMA_STORAGE=folder.as_uri())
    assert found["advice"] == "choose another with AKMA_STORAGE"


def test_a_disk_that_is_nearly_full(home: Path) -> None:
    """A real one, of 8 MB, in memory: which SQLite's check says too."""
    home.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "akma", home]).returncode:
        pytest.skip("a file system cannot be mounted here")
    try:
        assert "0.01 GB free for AKMA_HOME" in named("disk", "a long render wants 20 GB")["message"]
        named("database", "is in memory", state="warn")
        (home / "full").write_bytes(bytes(8 << 20)[: shutil.disk_usage(home).free])
        assert named("folders", "the disk is full")["advice"] == "free some space"
    finally:
        subprocess.run(["umount", home], check=True)


def test_a_disk_without_room_for_long_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "free for AKMA_HOME" in machine.disk(wish()).message
    free = shutil.disk_usage("/tmp").free
    monkeypatch.setitem(machine.ROOM, "AKMA_HOME", free * 10)
    assert machine.disk(wish()).state == "warn"
    monkeypatch.setitem(machine.ROOM, "AKMA_HOME", free * 100)
    assert machine.disk(wish()).state == "bad"


def test_too_few_open_files() -> None:
    found = named("limits", "100 files open", state="warn", before=("sh", "-c", 'ulimit -n 100; exec "$@"', "-"))
    assert "ulimit -n" in found["advice"]


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"process {os.getpid()}" in named("port", f"{port} is taken by", "--port", port)["message"]


def test_a_port_that_is_our_own() -> None:
    class Health(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            body = b'{"status": "ready", "workers": 2}'
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    with socketserver.TCPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        found = machine.port(replace(wish(), port=server.server_address[1]))
        server.shutdown()
    assert found.state == "ok"
    assert found.message.endswith("AKMA serves there, ready, 2 workers")


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


def test_a_gpu_that_is_not_there() -> None:
    assert "AKMA_DEVICE=cpu" in named("device", "device cuda:99 is asked for", AKMA_DEVICE="cuda:99")["advice"]


def test_an_encoder_that_does_not_open() -> None:
    from akma_core.media.encoder import NVENC, Encoder

    try:
        Encoder(width=1280, height=720, fps=30, codec=NVENC, preset="p4", crf=16).check()  # type: ignore[arg-type]
    except Exception:
        found = named("encoders", "NVENC does not open", "--encoder", "nvenc")
        assert "--encoder x264" in found["advice"]
    else:
        pytest.skip("NVENC opens here")


def test_plain_torch() -> None:
    found = named("compiled", "AKMA_COMPILED=0", "--device", "cpu", state="warn", AKMA_COMPILED="0")
    assert found["advice"] == "unset AKMA_COMPILED"


def test_a_check_that_hangs_is_told_and_left(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite waits for somebody to write into a pipe."""
    home.mkdir()
    os.mkfifo(home / "akma.sqlite")
    monkeypatch.setitem(doctor.CHECKS, "database", replace(CHECKS["database"], seconds=3))
    answers = {answer.name: answer for answer in examine(["folders", "database", "clock"], {})}
    assert answers["database"].state == "bad"
    assert answers["database"].message == "no answer within 3 s"
    assert answers["clock"].state == "ok"


def test_a_check_that_takes_the_process_with_it() -> None:
    with CheckProcess({}) as examiner:
        assert examiner.ask("folders").state == "ok"
        assert examiner._process
        examiner._process.kill()
        lost = examiner.ask("limits")
        assert (lost.state, lost.message) == ("bad", "the check's process ended (SIGKILL)")
        assert examiner.ask("limits").state == "ok"


def test_no_secret_is_told() -> None:
    environ = {
        "AKMA_DATABASE_URL": "postgresql://me:p%40ss@h/d?sslpassword=other",
        "AKMA_API_KEYS": "me:admin:key-one, you:user:key-two",
        "AKMA_LINK_SECRET": "link",
        "PGPASSWORD": "pg",
    }
    said = discreet("me p@ss p%40ss other key-one key-two link pg", environ)
    assert said == "me *** *** *** *** *** *** ***"
    assert discreet("all is well", {}) == "all is well"
