"""Tests and deliveries of webhooks over HTTP."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.api_service import Service, error, service

URL = "https://hooks.example.com/akma"


@pytest.fixture(scope="module")
def people(house: Service) -> Iterator[dict[str, httpx.Client]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(house.client(name)) for name in ("ann", "bob", "root", "")}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home: Path = tmp_path_factory.mktemp("home")
    with service(home, webhook_secret="0123456789abcdef", webhook_hosts=("hooks.example.com",)) as made:
        yield made


def test_a_test_is_queued_and_listed_for_its_owner(house: Service, people: dict[str, httpx.Client]) -> None:
    ann, bob, root = (people[name] for name in ("ann", "bob", "root"))
    answer = ann.post("/v1/webhooks/test", json={"url": URL})
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert (told["type"], told["status"], told["attempts"], told["url"]) == ("test", "pending", 0, URL)
    assert told["next_attempt"]
    assert ann.get("/v1/webhooks/deliveries").json() == {"deliveries": [told], "cursor": None}
    assert bob.get("/v1/webhooks/deliveries").json()["deliveries"] == []
    assert root.get("/v1/webhooks/deliveries").json()["deliveries"] == [told]
    delivery = house.database.delivery(told["id"])
    assert delivery
    house.database.end_delivery(delivery, "failed", "answered 404")
    (after,) = ann.get("/v1/webhooks/deliveries?cursor=").json()["deliveries"]
    assert (after["status"], after["attempts"], after["outcome"], after["next_attempt"]) == (
        "failed", 1, "answered 404", None,
    )  # fmt: skip


def test_pages(people: dict[str, httpx.Client]) -> None:
    bob = people["bob"]
    made = [bob.post("/v1/webhooks/test", json={"url": URL}).json()["id"] for _ in range(3)]
    first = bob.get("/v1/webhooks/deliveries?limit=2").json()
    rest = bob.get("/v1/webhooks/deliveries", params={"limit": 2, "cursor": first["cursor"]}).json()
    assert [each["id"] for each in first["deliveries"] + rest["deliveries"]] == made[::-1]
    assert rest["cursor"] is None
    error(bob.get("/v1/webhooks/deliveries?cursor=x"), 422, "bad_cursor")


def test_only_to_allowed_hosts_and_not_too_many(people: dict[str, httpx.Client]) -> None:
    ann = people["ann"]
    error(ann.post("/v1/webhooks/test", json={"url": "https://169.254.169.254/"}), 422, "bad_setting")
    error(people[""].post("/v1/webhooks/test", json={"url": URL}), 401, "unauthorized")
    for _ in range(20):
        answer = ann.post("/v1/webhooks/test", json={"url": URL})
        assert answer.status_code == 202
    assert "try again later" in error(ann.post("/v1/webhooks/test", json={"url": URL}), 429, "queue_full")
