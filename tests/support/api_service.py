"""The service but for its workers: the real app under uvicorn, with SQLite and a folder, and a hand for tasks."""

import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from PIL import Image

from akma_core.api import state
from akma_core.api.app import create_app
from akma_core.config import Environment
from akma_core.database import Database
from akma_core.errors import AkmaError, RequestError
from akma_core.networks import builtin
from akma_core.sandbox.pool import SandboxPool
from akma_core.storage import Storage, open_storage

KEYS = {"ann": "ann-0123456789abcdef", "bob": "bob-0123456789abcdef", "root": "root-0123456789abcdef"}
API_KEYS = ",".join(f"{name}:{'admin' if name == 'root' else 'user'}:{key}" for name, key in KEYS.items())


@dataclass(frozen=True)
class Service:
    url: str
    home: Path
    database: Database
    storage: Storage

    def client(self, name: str = "ann") -> httpx.Client:
        """A client with the key of ann or bob, users, or root, an administrator; "" for nobody."""
        headers = {"Authorization": f"Bearer {KEYS[name]}"} if name else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, verify=False)

    @property
    def leftovers(self) -> list[str]:
        """What uploads left on the disk."""
        return [str(path) for path in (self.home / "uploads").rglob("*") if path.is_file() and "lock" not in path.name]

    def keys(self, prefix: str) -> list[str]:
        return [entry.key for entry in self.storage.list(prefix)]


@contextmanager
def service(home: Path, **settings: Any) -> Iterator[Service]:
    """It runs inside the block, with its state in `home`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AKMA_HOME", str(home))
        patch.setattr(state, "SandboxPool", partial(SandboxPool, children=1))
        environment = Environment(**{"api_keys": API_KEYS, **settings})
        server = uvicorn.Server(
            uvicorn.Config(create_app(environment), log_config=None, lifespan="on", ws="none", access_log=False)
        )
        # With its protocol named: asyncio sends without delay then, as it does under BentoML; else 40 ms a request.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
            listener.bind(("127.0.0.1", 0))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            try:
                while not server.started and thread.is_alive():
                    time.sleep(0.01)
                assert server.started
                url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                database = Database(environment.database("akma"))
                yield Service(url, home, database, open_storage(environment.storage_url))
                database.close()
            finally:
                server.should_exit = True
                thread.join()


@contextmanager
def hand(service: Service) -> Iterator[list[dict[str, Any]]]:
    """A worker that lives and does tasks, without a network; the requests that it got."""
    requests: list[dict[str, Any]] = []
    stop = threading.Event()

    def work() -> None:
        beaten = 0.0
        while not stop.wait(0.01):
            if time.monotonic() - beaten > 2:
                service.database.beat("hand", "1", "cpu", "cpu", 0)
                beaten = time.monotonic()
            claimed = service.database.claim("hand")
            if claimed is None:
                continue
            task, kind, request = claimed
            requests.append(request)
            try:
                service.database.answer(task, (_preview if kind == "preview" else _import)(service.storage, request))
            except AkmaError as error:
                told = {"failure": error.exit_code == 1, "field": error.field}
                service.database.answer(task, told, error.code, error.message)

    service.database.beat("hand", "1", "cpu", "cpu", 0)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield requests
    finally:
        stop.set()
        thread.join()


def _preview(storage: Storage, request: dict[str, Any]) -> dict[str, Any]:
    stills = [{"time": time, "frame": round(30 * time)} for time in request["times"]]
    stills += [{"seed": seed} for seed in request["seeds"]]
    for index, still in enumerate(stills):
        still["key"] = f"previews/{request['id']}/{index:02d}.png"
        storage.put_bytes(still["key"], png(16 + index))
    storage.put_bytes(f"previews/{request['id']}/sheet.png", png(64))
    return {"sheet": f"previews/{request['id']}/sheet.png", "stills": stills}


def _import(storage: Storage, request: dict[str, Any]) -> dict[str, Any]:
    """Ink under the new name, unless the file says that it is none."""
    if storage.get_bytes(request["key"]) == b"no pickle":
        raise RequestError("this is no network: give a .pkl or .pt", code="bad_network", field="model")
    card = builtin.find("ink")[1].model_copy(update={"name": request["name"], "licence": request["licence"]})
    storage.put_bytes(f"models/{card.digest}/network.json", json.dumps(card.model_dump(mode="json")).encode())
    return {**card.model_dump(mode="json"), "digest": card.digest}


def png(side: int) -> bytes:
    packed = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(packed, format="PNG")
    return packed.getvalue()


def error(response: httpx.Response, status: int, code: str) -> str:
    """The one line of an answer that refuses."""
    assert (response.status_code, response.json()["error"]["code"]) == (status, code), response.text
    message: str = response.json()["error"]["message"]
    assert "\n" not in message
    assert "Traceback" not in message
    return message


def submit(client: httpx.Client, song: Path, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    with song.open("rb") as file:
        return client.post("/v1/renders", files={"audio": (song.name, file)}, data=fields, headers=headers)
