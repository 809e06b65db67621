"""Deliveries: who claims what is due, in which order, and how long they are kept."""

import threading
import time

import pytest

from akma_core.database import Database
from akma_core.errors import RequestError
from akma_core.jobs.deliveries import make_test_delivery


def test_of_many_that_claim_one_gets_it(database: Database) -> None:
    for owner in ("ann", "bob"):
        for _ in range(6):
            database.deliver(make_test_delivery(owner, "https://a/", time.time()))
    claimed: list[str] = []

    def claim() -> None:
        claimed.extend(each.id for each in database.claim_deliveries(4, 50, 60))

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == len(set(claimed))
    assert 8 <= len(claimed) <= 12


def test_what_was_never_tried_goes_first_and_busy_owners_wait(database: Database) -> None:
    for owner in ("ann", "bob"):
        for _ in range(3):
            database.deliver(make_test_delivery(owner, "https://a/", time.time()))
    tried = database.claim_deliveries(2, 50, 60, {"bob"})
    assert [each.owner for each in tried] == ["ann", "ann"]
    for each in tried:
        database.end_delivery(each, "pending", "answered 503", -1000)
    first = database.claim_deliveries(2, 3, 60)
    assert [each.attempts for each in first] == [0, 0, 0]


def test_pages_caps_and_forgetting(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        database.check_deliveries("ann")
        database.deliver(make_test_delivery("ann", "https://a/", float(number)))
    with pytest.raises(RequestError, match="20 of your tests"):
        database.check_deliveries("ann")
    database.check_deliveries("bob")
    page = database.delivery_page(None, None, 15)
    rest = database.delivery_page("ann", (page[-1].created, page[-1].id), 15)
    assert [each.created for each in page + rest] == [float(number) for number in range(19, -1, -1)]
    assert database.delivery_page("bob", None, 5) == []
    database.end_delivery(page[0], "failed", "gone")
    database.forget_deliveries()
    assert database.delivery(page[0].id)
    monkeypatch.setattr("akma_core.database.deliveries.KEPT", -1.0)
    database.forget_deliveries()
    assert database.delivery(page[0].id) is None
    assert database.delivery(page[1].id)  # pending
