"""Webhooks: due times, fairness between owners, and what becomes of tries, with real receivers on this machine."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from akma_core.config import Environment
from akma_core.database import Database
from akma_core.jobs import deliveries
from akma_core.jobs.deliveries import TRIED_FOR, DeliverySender, make_test_delivery, pause_after
from akma_core.standard_webhooks import verify_standard
from tests.support.rows import accept

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver(ThreadingHTTPServer):
    """Answers with `status`, and remembers what came."""

    daemon_threads = True
    status = 200

    def __init__(self) -> None:
        got = self.got = list[tuple[dict[str, str], bytes]]()

        class Handler(BaseHTTPRequestHandler):
            server: "Receiver"

            def do_POST(self) -> None:
                got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(self.server.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def dead() -> Iterator[str]:
    """The address of a receiver that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        yield f"127.0.0.1:{silent.getsockname()[1]}"


@dataclass
class Desk:
    database: Database
    sender: DeliverySender

    def ended(self, host: str, owner: str = "ann", **fields: Any) -> str:
        render_id = accept(self.database, owner=owner, webhook_url=f"http://{host}/", **fields)
        assert self.database.fail(render_id, "bad_audio", "no song")
        return render_id

    def until(self, true: Callable[[], object], seconds: float = 20) -> float:
        """Seconds until it is true, with looks for what is due as a worker has them."""
        began = time.monotonic()
        while not true():
            assert time.monotonic() - began < seconds
            self.sender.send_due()
            time.sleep(0.02)
        return time.monotonic() - began

    def outcome(self, render_id: str) -> str | None:
        render = self.database.get(render_id)
        assert render
        return render.webhook


@pytest.fixture
def desk(tmp_path: Path, receiver: Receiver, dead: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("AKMA_HOME", str(tmp_path))
    environment = Environment(webhook_secret=SECRET, webhook_allow_private=(receiver.host, dead))  # type: ignore[arg-type]
    database = Database(f"sqlite:///{tmp_path}/akma.sqlite")
    desk = Desk(database, DeliverySender(environment, database))
    yield desk
    desk.sender.stop()
    desk.until(lambda: not desk.sender._busy)
    database.close()


def test_the_end_of_a_render_is_told_once_signed(desk: Desk, receiver: Receiver) -> None:
    render_id = desk.ended(receiver.host, metadata='{"mine": 1}')
    desk.until(lambda: desk.outcome(render_id) == "sent")
    desk.sender.send_due()
    ((headers, body),) = receiver.got
    assert headers["webhook-id"] == headers["AKMA-Delivery"] == render_id
    assert verify_standard(SECRET, body, headers)
    told = json.loads(body)
    assert (told["type"], told["status"], told["id"], told["metadata"]) == (
        "render.failed", "failed", render_id, {"mine": 1},
    )  # fmt: skip
    assert told["error"] == {"code": "bad_audio", "message": "no song"}
    assert "owner" not in told
    (delivery,) = desk.database.delivery_page("ann", None, 10)
    assert (delivery.status, delivery.attempts, delivery.outcome) == ("delivered", 1, "delivered")


def test_what_may_pass_is_due_later_and_the_same_delivery(desk: Desk, receiver: Receiver, monkeypatch: Any) -> None:
    monkeypatch.setattr(deliveries, "FIRST_PAUSE", 0.2)
    receiver.status = 503
    render_id = desk.ended(receiver.host)
    desk.until(lambda: len(receiver.got) == 2)
    assert desk.outcome(render_id) == "pending"
    receiver.status = 200
    desk.until(lambda: desk.outcome(render_id) == "sent")
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len({body for _, body in receiver.got}) == 1
    delivery = desk.database.delivery(render_id)
    assert delivery
    assert delivery.attempts == len(receiver.got) == 3
    render = desk.database.get(render_id)
    assert render
    assert (render.status, render.error_code) == ("failed", "bad_audio")  # its own, not the webhook's


@pytest.mark.parametrize(("status", "old"), [(404, False), (503, True)])
def test_it_fails_for_good(desk: Desk, receiver: Receiver, status: int, old: bool, monkeypatch: Any) -> None:
    if old:
        monkeypatch.setattr(deliveries, "TRIED_FOR", 1.0)
    receiver.status = status
    render_id = desk.ended(receiver.host)
    desk.until(lambda: desk.outcome(render_id) == f"webhook 127.0.0.1 answered {status}")
    delivery = desk.database.delivery(render_id)
    assert delivery
    assert (delivery.status, len(receiver.got)) == ("failed", 1)


def test_tries_go_on_for_a_day() -> None:
    moments, now = [0.0], 0.0
    while now + pause_after(len(moments)) < TRIED_FOR:
        now += pause_after(len(moments))
        moments.append(now)
    assert moments[:5] == [0, 5, 20, 65, 200]
    assert 10 <= len(moments) <= 16
    assert moments[-1] > TRIED_FOR - 4 * 3600
    assert pause_after(10_000) == 4 * 3600


def test_dead_receivers_of_one_do_not_delay_anothers(
    desk: Desk, receiver: Receiver, dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "SECONDS", 2.0)
    for _ in range(2 * deliveries.PLACES):
        desk.ended(dead, "eve")
    desk.until(lambda: desk.sender._busy["eve"])
    mine = desk.ended(receiver.host)
    assert desk.until(lambda: desk.outcome(mine) == "sent") < 1.5
    assert desk.sender._busy["eve"] <= deliveries.EACH


def test_a_try_whose_worker_died_is_made_again(desk: Desk, receiver: Receiver) -> None:
    desk.database.deliver(make_test_delivery("ann", f"http://{receiver.host}/", time.time()))
    assert len(desk.database.claim_deliveries(4, 10, 0.3)) == 1  # and this one dies
    assert desk.database.claim_deliveries(4, 10, 0.3) == []
    assert desk.until(lambda: receiver.got) > 0.1
    assert json.loads(receiver.got[0][1])["type"] == "test"
