"""The real thing for tests: `akma serve` as processes of their own, in a home of their own, that may be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from akma_core import registry
from akma_core.storage import Storage, open_storage
from tests.support.gcs import free_port

READY = 90.0  # seconds
SCALE = int(os.environ.get("AKMA_TEST_SCALE", "1"))  # times as much for tests of faults


class Service:
    """A service on a free port; `environ` on top of this process' environment."""

    command: Sequence[str] = (sys.executable, "-m", "akma_core.cli")
    folder: Path | None = None
    """Folder in which it is started; None: this process's."""

    def __init__(self, home: Path, **environ: str) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environ = os.environ | {
            "AKMA_HOME": str(home),
            "AKMA_NODE": "test",
            "BENTOML_HOME": str(home / "bentoml"),
            "PYTHONUNBUFFERED": "1",
        }
        self.environ |= environ
        self.log = home / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        self.home.mkdir(exist_ok=True)
        command = [*self.command, "serve", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environ, cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        began = time.monotonic()
        while time.monotonic() - began < READY:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/v1/health", timeout=5).status_code == 200:
                    return
            assert self.process is None or self.process.poll() is None, self.tail()
            time.sleep(0.1)
        raise TimeoutError(self.tail())

    def processes(self) -> dict[int, str]:
        """The service's processes and what they are: supervisor, api, worker, other."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                with suppress(OSError, IndexError):
                    environ = (folder / "environ").read_bytes()
                    if f"AKMA_HOME={self.home}\0".encode() in environ and int(folder.name) != os.getpid():
                        line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                        if line and "Z (zombie)" not in (folder / "status").read_text():
                            found[int(folder.name)] = _kind(line)
        return found

    def kill(self, *kinds: str) -> list[int]:
        """kill -9 of those kinds, of everything without any; their process ids."""
        killed = []
        while found := [process for process, kind in self.processes().items() if not kinds or kind in kinds]:
            for process in found:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                    killed.append(process)
            if kinds:
                break  # else once more: the supervisor may have begun another meanwhile, which would keep the port
            time.sleep(0.02)
        if not kinds and self.process:
            self.process.wait(10)
        return killed

    def stop(self) -> None:
        """As an operator would, and at last by force."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(40)
        self.kill()

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Log lines of one event."""
        lines = self.log.read_text(errors="replace").splitlines()
        parsed = (json.loads(line) for line in lines if line.startswith('{"time"') and line.endswith("}"))
        return [line for line in parsed if line["message"] == name]

    def import_network(self, network: Path) -> str:
        """Import a network folder; its name."""
        return registry.add(self.storage, network).name

    @property
    def storage(self) -> Storage:
        return open_storage(self.environ.get("AKMA_STORAGE") or (self.home / "storage").as_uri())

    def submit(self, song: Path, **settings: Any) -> str:
        """The id of a new render."""
        headers = settings.pop("headers", {})
        with song.open("rb") as file:
            form = {key: str(value) for key, value in settings.items()}
            answer = httpx.post(f"{self.url}/v1/renders", data=form, files={"audio": file}, headers=headers, timeout=60)
        assert answer.status_code == 202, answer.text
        render_id: str = answer.json()["id"]
        return render_id

    def get(self, render_id: str) -> dict[str, Any]:
        answer = httpx.get(f"{self.url}/v1/renders/{render_id}", timeout=30)
        answer.raise_for_status()
        state: dict[str, Any] = answer.json()
        return state

    def wait(self, render_id: str, seconds: float = 120) -> dict[str, Any]:
        """Its state once it is over."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            with suppress(httpx.HTTPError):
                state = self.get(render_id)
                if state["status"] not in ("queued", "running"):
                    return state
            time.sleep(0.2)
        raise TimeoutError(f"{render_id}: {self.tail()}")


def _kind(line: str) -> str:
    if "_bentoml_impl.worker.service" in line:
        return "worker" if "--service-name akma-worker" in line else "api"
    return "supervisor" if "akma_core.cli" in line or "supervisor.py" in line else "other"


@contextmanager
def serving(home: Path, **environ: str) -> Iterator[Service]:
    """A started service, stopped at the end."""
    service = Service(home, **environ)
    try:
        service.start()
        yield service
    finally:
        service.stop()
