import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Message

from akma_core.api import watch
from akma_core.api.listeners import Listeners
from akma_core.api.routes import events
from akma_core.api.routes.events import EventStream
from akma_core.database import ChunkProgress, Database
from akma_core.errors import RequestError
from tests.support.app import CAPS, KEYS, House, keeping, new_render

Event = dict[str, str]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch, keeping(tmp_path_factory.mktemp("house")) as house:
        patch.setattr(watch, "EVERY", 0.1)
        yield house


def parse(lines: Iterator[str]) -> Iterator[Event]:
    """Events as a browser sees them, and comments as {"": text}."""
    event: Event = {}
    for line in lines:
        if not line:
            if event:
                yield event
            event = {}
        else:
            field, _, value = line.partition(":")
            assert field not in event
            event[field] = value.removeprefix(" ")
    assert not event, "the stream broke off within an event"


def follow(house: House, render_id: str, name: str = "ann", **headers: str) -> Iterator[Event]:
    with httpx.stream(
        "GET", house.path(render_id, "/events"), headers=house.as_(name) | headers, timeout=20
    ) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        yield from parse(response.iter_lines())


def data(event: Event) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(event["data"])
    return parsed


def test_the_first_event_comes_at_once_and_is_the_render(house: House) -> None:
    render_id = house.accept()
    began = time.monotonic()
    first = next(follow(house, render_id))
    assert time.monotonic() - began < 2
    assert first["event"] == "progress"
    assert int(first["retry"]) >= 1000
    assert first["id"]
    told, same = data(first), house.get(render_id).json()
    assert {key: told[key] for key in told if key != "links"} == {key: same[key] for key in same if key != "links"}
    assert told["links"].keys() == same["links"].keys()


def test_from_the_queue_to_the_end(house: House) -> None:
    render_id, seen = house.accept(), []
    for event in follow(house, render_id):
        seen.append((event["event"], data(event)))
        if len(seen) == 1:
            house.plan(render_id)
        elif len(seen) == 2:
            house.chunk(render_id, 0)
        elif len(seen) == 3:
            house.finish(render_id)
    assert [name for name, _ in seen] == ["progress"] * (len(seen) - 1) + ["done"]
    assert [state["status"] for _, state in seen] == ["queued"] + ["running"] * (len(seen) - 2) + ["done"]
    done = [state["frames_done"] for _, state in seen]
    assert done == sorted(done)
    assert (done[0], done[2], done[-1]) == (0, 3, house.made.plan.frames)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_the_end_of_those_that_did_not_make_it(house: House, status: str) -> None:
    render_id = house.accept()
    stream = follow(house, render_id)
    assert next(stream)["event"] == "progress"
    house.end(render_id, status)
    last = list(stream)
    assert [event["event"] for event in last] == [status]
    assert (data(last[0])["error"] or {}).get("code") == ("song_broken" if status == "failed" else None)


def test_a_render_that_is_over_is_told_in_one_event(house: House) -> None:
    render_id = house.done()
    (only,) = follow(house, render_id)
    assert only["event"] == "done"
    again = {"Last-Event-ID": only["id"]}
    answer = httpx.get(house.path(render_id, "/events"), headers=house.as_("ann") | again)
    assert answer.status_code == 204  # an EventSource connects again and again otherwise
    assert [event["event"] for event in follow(house, render_id, **{"Last-Event-ID": "12"})] == ["done"]


def test_nothing_comes_while_nothing_changes_but_comments(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.4)
    render_id = house.accept()
    stream = follow(house, render_id)
    assert next(stream)["event"] == "progress"
    began = time.monotonic()
    assert [next(stream) for _ in range(2)] == [{"": "still here"}] * 2
    assert time.monotonic() - began > 0.7


def test_at_most_two_events_a_second(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EVERY", 0.5)
    render_id = house.accept()
    house.plan(render_id)
    stop, arrived = threading.Event(), []

    def work() -> None:
        done = 0
        while not stop.wait(0.02):
            done += 1
            house.database.pulse("w", [ChunkProgress(render_id, 5, done % 6, float(done))])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in follow(house, render_id):
            arrived.append(time.monotonic())
            if len(arrived) == 5:
                break
    finally:
        stop.set()
        thread.join()
    assert 1.95 < arrived[-1] - arrived[0] < 8


def test_only_those_who_may(house: House) -> None:
    render_id = house.accept("ann")
    url = house.path(render_id, "/events")
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, headers=house.as_("bob")).status_code == 404
    assert httpx.get(house.path("f" * 32, "/events"), headers=house.as_("ann")).status_code == 404
    assert httpx.get(house.path("../x", "/events"), headers=house.as_("ann")).status_code in (404, 422)
    assert httpx.get(url, params={"token": house.token("f" * 32)}).status_code == 403
    house.database.cancel(render_id)
    assert httpx.get(url, params={"token": house.token(render_id)}).text.count("event: cancelled\n") == 1
    assert httpx.get(url, headers=house.as_("eve")).status_code == 200


def test_a_render_that_is_forgotten_ends_its_stream(house: House) -> None:
    render_id = house.accept()
    stream = follow(house, render_id)
    next(stream)
    house.database.forget(render_id)
    assert list(stream) == []


def count_queries(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the database was asked for progress, from now on."""
    asked: list[float] = []
    original = Database.progress

    def counted(self: Database, ids: Any) -> Any:
        asked.append(time.monotonic())
        return original(self, ids)

    monkeypatch.setattr(Database, "progress", counted)
    return asked


def test_two_hundred_listeners_cost_one_query(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [house.accept() for _ in range(4)]

    async def listen(client: httpx.AsyncClient, render_id: str, ready: asyncio.Semaphore) -> list[str]:
        names = []
        url = house.path(render_id, "/events")
        async with client.stream("GET", url, headers=house.as_("ann")) as response:
            async for line in response.aiter_lines():
                if line.startswith("event: "):
                    names.append(line.removeprefix("event: "))
                    if len(names) == 1:
                        ready.release()
        return names

    async def main() -> tuple[list[list[str]], int, float]:
        ready = asyncio.Semaphore(0)
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=30, limits=limits) as client:
            tasks = [asyncio.create_task(listen(client, ids[k % 4], ready)) for k in range(200)]
            for _ in tasks:
                await ready.acquire()
            asked = count_queries(monkeypatch)
            began = time.monotonic()
            await asyncio.sleep(1)
            looks, seconds = len(asked), time.monotonic() - began
            for render_id in ids:
                house.database.cancel(render_id)
            return await asyncio.gather(*tasks), looks, seconds

    heard, looks, seconds = asyncio.run(main())
    assert all(names[-1] == "cancelled" for names in heard)
    assert len(heard) == 200
    assert 1 <= looks <= seconds / watch.EVERY + 1


def test_nobody_looks_when_nobody_listens(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    render_id = house.accept()
    stream = follow(house, render_id)
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # the client goes
    time.sleep(5 * watch.EVERY)
    asked = count_queries(monkeypatch)
    time.sleep(5 * watch.EVERY)
    assert not asked


def test_who_does_not_read_holds_nobody_up(house: House) -> None:
    slow, quick = (house.accept(settings={"seeds_top": list(range(40_000))}) for _ in range(2))
    house.plan(slow)
    token = house.token(slow)
    port = int(house.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(f"GET /v1/renders/{slow}/events?token={token} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        for done in range(6):  # each is a third of a megabyte to who follows
            house.database.pulse("w", [ChunkProgress(slow, 5, done % 6, float(done))])
            time.sleep(0.15)
        stream = follow(house, quick)
        assert next(stream)["event"] == "progress"
        began = time.monotonic()
        house.database.cancel(quick)
        assert [event["event"] for event in stream] == ["cancelled"]
        assert time.monotonic() - began < 2


def test_a_database_that_fails_for_a_while(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    render_id = house.accept()
    stream = follow(house, render_id)
    next(stream)

    def broken(*_: Any) -> Any:
        raise ValueError("no")

    with monkeypatch.context() as patch:
        patch.setattr(watch, "take_snapshots", broken)
        time.sleep(5 * watch.EVERY)
    house.database.cancel(render_id)
    assert [event["event"] for event in stream][-1] == "cancelled"


def test_streams_end_when_the_server_is_told_to_stop(tmp_path: Path) -> None:
    """uvicorn waits for them, without a limit, before it says a word to the app."""
    code = (
        "import sys, uvicorn\n"
        "from akma_core.api.app import create_app\n"
        "from akma_core.config import read_environment\n"
        "uvicorn.run(create_app(read_environment()), port=int(sys.argv[1]), log_level='warning')"
    )
    environment = os.environ | {"AKMA_HOME": str(tmp_path), "AKMA_API_KEYS": KEYS}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(port)], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        url, headers = f"http://127.0.0.1:{port}/v1/renders", {"Authorization": "Bearer ann-secret-0123456789"}
        _wait_for(url, headers, process)
        database = Database(f"sqlite:///{tmp_path}/akma.sqlite")
        render_id = database.accept(new_render(), CAPS).id
        with httpx.stream("GET", f"{url}/{render_id}/events", headers=headers, timeout=20) as response:
            lines = response.iter_lines()
            assert next(lines).startswith("retry")
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            list(lines)
        assert time.monotonic() - began < 5
        assert process.wait(10) in (0, -signal.SIGTERM)
        assert process.stderr
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.communicate()


def _wait_for(url: str, headers: dict[str, str], process: subprocess.Popen[str]) -> None:
    for _ in range(400):
        try:
            assert httpx.get(url, headers=headers).status_code == 200
            return
        except httpx.TransportError:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
    raise TimeoutError


def test_later_events_have_what_changes(house: House) -> None:
    render_id = house.accept()
    events = follow(house, render_id)
    first = data(next(events))
    house.plan(render_id)
    later = data(next(events))
    assert later["status"] == "running"
    assert first.keys() - later.keys() == {"settings", "links"}


def test_streams_of_one_key_are_capped() -> None:
    listeners = Listeners(2)
    leave, _ = listeners.enter("ann"), listeners.enter("ann")
    listeners.enter("bob")
    with pytest.raises(RequestError, match="2 event streams are open") as caught:
        listeners.enter("ann")
    assert caught.value.code == "too_many"
    leave()
    listeners.enter("ann")


def test_a_client_that_does_not_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "DEAF", 0.05)
    left: list[bool] = []

    async def endless() -> AsyncGenerator[bytes]:
        while True:
            yield b"x"

    async def deaf(_: object) -> None:
        await asyncio.sleep(60)

    async def silent() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    async def main() -> None:
        stream = EventStream(endless(), lambda: left.append(True), {})
        async with asyncio.timeout(5):
            await stream({"type": "http", "asgi": {"spec_version": "2.4"}}, silent, deaf)

    asyncio.run(main())
    assert left == [True]
