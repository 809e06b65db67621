"""Settings, libraries, folders, disks, limits, the port."""

import difflib
import os
import resource
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname
from uuid import uuid4

from akma_core.config import PREFIX, Environment, parse_keys, unknown
from akma_core.doctor.finding import CheckContext, CheckResult, bad, ok, summary, warn
from akma_core.errors import FailureError
from akma_core.files import sync, writing
from akma_core.storage import open_storage

RANGES = {  # of pyproject.toml, those that decide what works
    "torch": ">=2.8,<3",
    "numba": ">=0.64,<1",
    "numpy": ">=2.0,<3",
    "scipy": ">=1.15,<2",
    "av": ">=18.1,<19",
    "soundfile": ">=0.14,<1",
    "bentoml": ">=1.4.39,<1.5",
    "dbos": ">=3.4,<4",
    "google-cloud-storage": ">=3.1,<4",
    "psycopg": ">=3.2,<4",
    "sqlalchemy": ">=2.0,<3",
}
GB = 10**9
ROOM = {  # bytes that a long render wants: an hour of 1920x1080 at crf 16 is some 9 GB, there as chunks and joined
    "AKMA_HOME": 20 * GB,
    "AKMA_STORAGE": 20 * GB,
    "BENTOML_HOME": 2 * GB,  # a network of 1024 pixels is 0.1 GB
    "TMPDIR": 1 * GB,
}
LEAST = 20  # a place with less than this part of its room is no use
OPEN_FILES = 1024  # a few for each of some hundred clients
SHARED_MEMORY = 16 << 20  # bytes in /dev/shm


def settings(wish: CheckContext) -> CheckResult:
    """Unknown variables, and those that do not go together."""
    environment = wish.environment
    keys = parse_keys(environment.api_keys.get_secret_value())
    troubles = [_unknown(name) for name in unknown()]
    if environment.webhook_hosts and environment.webhook_secret is None:
        advice = "set AKMA_WEBHOOK_SECRET to 16 characters or more"
        troubles.append(warn("AKMA_WEBHOOK_HOSTS without AKMA_WEBHOOK_SECRET: no webhook is accepted", advice))
    if "*" in environment.cors_origins:
        troubles.append(warn("AKMA_CORS_ORIGINS lets every page call the API", "name the origins of your pages"))
    if environment.is_postgres and environment.node == "localhost":
        message = "this node is called localhost, as others may be"
        troubles.append(warn(message, "set AKMA_NODE to a name of its own, the same after a restart"))
    if environment.storage_url.startswith("gs:") and (emulator := os.environ.get("STORAGE_EMULATOR_HOST")):
        troubles.append(warn(f"gs:// goes to an emulator at {emulator}", "unset STORAGE_EMULATOR_HOST for a bucket"))
    access = f"{len(keys)} API keys" if keys else "no API keys, so that only this machine is served"
    return summary(f"node {environment.node}, role {environment.role}, {access}", troubles)


def _unknown(name: str) -> CheckResult:
    message = f"{name} means nothing to AKMA"
    if name.endswith("_FILE"):
        return warn(message, "the image's entrypoint reads it: entrypoint python -m akma_core.cli doctor")
    known = [PREFIX + field.upper() for field in Environment.model_fields]
    close = difflib.get_close_matches(name, known, 1)
    return warn(message, f"write {close[0]}" if close else "unset it")


def libraries(_wish: CheckContext) -> CheckResult:
    """Python and the libraries that decide, against the ranges that AKMA is tested with."""
    from packaging.specifiers import SpecifierSet

    found, troubles = [], []
    for name, allowed in RANGES.items():
        try:
            number = version(name)
        except PackageNotFoundError:
            # Without Numba plain torch does the same, slower.
            state: Literal["warn", "bad"] = "warn" if name == "numba" else "bad"
            troubles.append(CheckResult(state, f"{name} is missing", f"pip install '{name}{allowed}'"))
            continue
        if name in ("torch", "numba", "av"):
            found.append(f"{name} {number}")
        if not SpecifierSet(allowed).contains(number.partition("+")[0], prereleases=True):
            troubles.append(warn(f"{name} {number} is not {allowed}", f"pip install '{name}{allowed}'"))
    return summary(f"Python {sys.version.split()[0]}, {', '.join(found)}", troubles)


def _places(environment: Environment) -> dict[str, Path]:
    """Folders that are written to, by the variable that moves them."""
    places = {"AKMA_HOME": environment.home, "TMPDIR": Path(tempfile.gettempdir())}
    places["BENTOML_HOME"] = Path(os.environ.get("BENTOML_HOME") or "~/bentoml").expanduser()
    if environment.storage_url.startswith("file:"):
        inside = open_storage(environment.storage_url).url("check")
        places["AKMA_STORAGE"] = Path(url2pathname(urlsplit(inside).path)).parent
    return places


def folders(wish: CheckContext) -> CheckResult:
    """Check that AKMA's own folders may be written to; those that are missing are made, as the service would."""
    places = {name: path for name, path in _places(wish.environment).items() if name != "AKMA_STORAGE"}
    troubles = []
    for name, path in places.items():
        probe = path / f".doctor-{uuid4().hex}"
        try:
            path.mkdir(parents=True, exist_ok=True)
            with writing(probe):
                probe.write_bytes(bytes(4096))
                sync(probe)
        except OSError as error:
            troubles.append(bad(f"{path} cannot be made ({error.strerror})", f"set {name} to a folder of this user's"))
        except FailureError as error:
            reason = "the disk is full" if error.code == "disk_full" else error.message.rpartition(": ")[2]
            advice = "free some space" if error.code == "disk_full" else f"set {name} to a folder of this user's"
            troubles.append(bad(f"{path} cannot be written to ({reason})", advice))
        finally:
            with suppress(OSError):
                probe.unlink()
    return summary(", ".join(f"{name} {path}" for name, path in places.items()), troubles)


def disk(wish: CheckContext) -> CheckResult:
    """Free bytes where a render writes, against what a long one takes."""
    free: dict[int, tuple[int, list[str]]] = {}  # by disk
    for name, path in _places(wish.environment).items():
        there = next(folder for folder in (path, *path.parents) if folder.exists())
        free.setdefault(there.stat().st_dev, (shutil.disk_usage(there).free, []))[1].append(name)
    troubles = []
    for left, names in free.values():
        room = max(ROOM[name] for name in names)
        if left < room:
            judge = bad if left < room / LEAST else warn
            message = f"{_gigabytes(left)} free for {', '.join(names)}, and a long render wants {_gigabytes(room)}"
            troubles.append(judge(message, "free some space, or move it to another disk by that variable"))
    parts = (f"{_gigabytes(left)} free for {', '.join(names)}" for left, names in free.values())
    return summary("; ".join(parts), troubles)


def _gigabytes(size: float) -> str:
    return f"{size / GB:.0f} GB" if size >= 10 * GB else f"{size / GB:.2f} GB"


def limits(_wish: CheckContext) -> CheckResult:
    """Open files, and shared memory."""
    troubles = []
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files != resource.RLIM_INFINITY and files < OPEN_FILES:
        message = f"a process may have {files} files open, and {OPEN_FILES} are wanted"
        troubles.append(warn(message, f"ulimit -n {OPEN_FILES}, or LimitNOFILE={OPEN_FILES} in the systemd unit"))
    shared = Path("/dev/shm")
    left = shutil.disk_usage(shared).free if shared.exists() else None
    if left is not None and left < SHARED_MEMORY:
        troubles.append(warn(f"{left >> 20} MiB free in /dev/shm", "docker run --shm-size 256m, or free some of it"))
    shown = "" if left is None else f", {_gigabytes(left)} of shared memory"
    return summary(f"{'any number of' if files == resource.RLIM_INFINITY else files} open files{shown}", troubles)


def port(wish: CheckContext) -> CheckResult:
    """Check that the service's port is free; it is AKMA's own where the service runs."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wish.port))
        except PermissionError:
            return bad(f"port {wish.port} is not for this user", "akma serve --port 3000, behind a proxy")
        except OSError:
            return _taken(wish.port)
    return ok(f"{wish.port} is free")


def _taken(number: int) -> CheckResult:
    import httpx

    with suppress(httpx.HTTPError, ValueError, KeyError, TypeError):
        answer = httpx.get(f"http://127.0.0.1:{number}/v1/health", timeout=3, trust_env=False).json()
        return ok(f"{number}: AKMA serves there, {answer['status']}, {answer['workers']} workers")
    holder = _listener(number)
    return bad(f"{number} is taken by {holder or 'another program'}", "stop that, or akma serve --port another")


def _listener(number: int) -> str:
    """Name and process id of who listens there; "" where this user may not know."""
    import psutil  # type: ignore[import-untyped]

    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == number and connection.pid:
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
    return ""
