"""What is wrong with a machine is named, by the real command with real parts, and nothing stops the command."""

import os
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from akma_core.cli import doctor
from akma_core.cli.doctor import CHECKS, CheckProcess, examine, look
from akma_core.doctor import machine
from akma_core.doctor.finding import discreet
from tests.support import gcs
from tests.support.doctor import ROOT, SECRET, akma, named, wish


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
