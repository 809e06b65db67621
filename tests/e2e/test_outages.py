"""What a service stands on goes away for a while: the bucket refuses or hangs, the database is locked, a worker stops.

Renders wait and end with the bytes that they would have had; whoever asks meanwhile gets a line, in time.
"""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.gcs import Answer, Exchange, Road, bad_road, refused, straight
from tests.support.serving import Service
from tests.support.songs import write_song

SECONDS = 180
OUTAGES = {"refusing": 8.0, "hanging": 8.0, "frozen": 6.0, "locked": 35.0}
"""Seconds of each. SQLite's writers wait for 30."""


def refuse(road: Road) -> Callable[[], None]:
    """Every request to the bucket is answered with 503."""
    road.plan = refused(503)
    return lambda: setattr(road, "plan", straight)


def hang(road: Road) -> Callable[[], None]:
    """No request to the bucket is answered."""
    over = threading.Event()

    def wait(exchange: Exchange) -> Answer:
        over.wait(SECONDS)
        return straight(exchange)

    def end() -> None:
        road.plan = straight
        over.set()

    road.plan = wait
    return end


def freeze(service: Service) -> Callable[[], None]:
    """The worker stands still."""
    (worker,) = (process for process, kind in service.processes().items() if kind == "worker")
    os.kill(worker, signal.SIGSTOP)
    return lambda: os.kill(worker, signal.SIGCONT)


def lock(path: Path) -> Callable[[], None]:
    """Somebody else writes into the database and does not come to an end."""
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")

    def end() -> None:
        with closing(connection):
            connection.execute("ROLLBACK")

    return end


@contextmanager
def outage(begin: Callable[[], Callable[[], None]], seconds: float) -> Iterator[None]:
    """From here on, for so long."""
    timer = threading.Timer(seconds, begin())
    timer.start()
    try:
        yield
    finally:
        timer.join()


def is_clean(service: Service, answer: httpx.Response) -> bool:
    """Nothing of the inside is shown."""
    secrets = (str(service.home), "127.0.0.1", "akma.sqlite", "Traceback")
    return not any(secret in answer.text for secret in secrets)


@pytest.mark.slow
def test_renders_outlive_what_they_stand_on(tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song = write_song(tmp_path / "song.wav", 8)
    with bad_road() as road:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", road.url)
        service = Service(tmp_path / "home", AKMA_STORAGE="gs://akma/outages")
        try:
            service.start()
            name = service.import_network(network)
            expected = _video(service, service.submit(song, model=name))
            begin: dict[str, Callable[[], Callable[[], None]]] = {
                "refusing": lambda: refuse(road),
                "hanging": lambda: hang(road),
                "frozen": lambda: freeze(service),
                "locked": lambda: lock(service.home / "akma.sqlite"),
            }
            meanwhile = []
            for what, seconds in OUTAGES.items():
                render_id = service.submit(song, model=name)
                while service.get(render_id)["status"] == "queued":
                    time.sleep(0.05)
                began = time.monotonic()
                with outage(begin[what], seconds):
                    meanwhile += _ask_meanwhile(service, render_id, song, name, bucket=what in ("refusing", "hanging"))
                assert _video(service, render_id) == expected, what
                assert time.monotonic() - began < seconds + 60, what
            assert meanwhile
            for render_id in meanwhile:
                _video(service, render_id)
        finally:
            service.stop()


def _ask_meanwhile(service: Service, render_id: str, song: Path, name: str, *, bucket: bool) -> list[str]:
    """What needs what is away is refused with a line and a time, or accepted and returned; the rest is answered."""
    began = time.monotonic()
    answer = httpx.get(f"{service.url}/v1/renders/{render_id}", timeout=10)
    assert (answer.status_code, is_clean(service, answer)) == (200, True)
    answer = httpx.get(f"{service.url}/v1/health", timeout=10)
    assert (answer.status_code, is_clean(service, answer)) == (503 if bucket else 200, True)
    assert time.monotonic() - began < 8
    with song.open("rb") as file:
        form = {"model": name, "seed": "7"}
        asked = time.monotonic()
        answer = httpx.post(f"{service.url}/v1/renders", data=form, files={"audio": file}, timeout=90)
    assert time.monotonic() - asked < 20 or not bucket
    assert answer.status_code in (202, 503), answer.text
    assert is_clean(service, answer)
    if answer.status_code == 202:
        return [answer.json()["id"]]
    assert int(answer.headers["retry-after"]) > 0
    return []


def _video(service: Service, render_id: str) -> bytes:
    state = service.wait(render_id, SECONDS)
    assert state["status"] == "done", (state, service.tail())
    return service.storage.get_bytes(f"renders/{render_id}/video.mp4")
