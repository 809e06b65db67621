"""Webhooks over HTTP: try a receiver out, see what became of deliveries."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from akma_core.api.dependencies import CallerDep, StateDep
from akma_core.api.paging import after, page_of
from akma_core.api.schemas import moment_or_none
from akma_core.database import Delivery
from akma_core.jobs.deliveries import make_test_delivery
from akma_core.log import moment

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


class TestRequest(BaseModel):
    """Receiver of a test."""

    __test__ = False
    url: str = Field(max_length=2048, description="on a host that the service allows")


class DeliveryResponse(BaseModel):
    """A delivery and what became of it."""

    id: str = Field(description="webhook-id, the same for every try")
    type: str = Field(description="render.done, render.failed, render.cancelled or test")
    render: str | None
    url: str
    status: str = Field(description="pending, delivered or failed")
    attempts: int = Field(description="tries so far")
    created: str
    next_attempt: str | None = Field(description="moment of the next try, while it is pending")
    finished: str | None
    outcome: str | None = Field(description="what the last try came to")


class DeliveryPage(BaseModel):
    """Deliveries, the newest first."""

    deliveries: list[DeliveryResponse]
    cursor: str | None = Field(description="for the next page; null on the last one")


@router.post("/test", status_code=202)
def test_webhook(wish: TestRequest, state: StateDep, caller: CallerDep) -> DeliveryResponse:
    """Send a signed test to a URL, in the queue of all deliveries; `GET /v1/webhooks/deliveries` says how it went.

    ```
    curl -H 'Content-Type: application/json' -d '{"url": "https://hooks.example.com/akma"}' \\
        http://127.0.0.1:3000/v1/webhooks/test
    ```
    """
    state.submission.check_webhook(wish.url)
    state.database.check_deliveries(caller.name)
    delivery = make_test_delivery(caller.name, wish.url, state.database.now())
    state.database.deliver(delivery)
    return _response(delivery)


@router.get("/deliveries")
def list_deliveries(
    state: StateDep,
    caller: CallerDep,
    cursor: Annotated[str | None, Query(max_length=80, description="of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> DeliveryPage:
    """List your deliveries of the last week, the newest first; an administrator sees everyone's."""
    found = state.database.delivery_page(None if caller.is_admin else caller.name, after(cursor, 32), limit + 1)
    page, last = page_of(found, limit)
    return DeliveryPage(deliveries=[_response(each) for each in page], cursor=last)


def _response(delivery: Delivery) -> DeliveryResponse:
    return DeliveryResponse(
        id=delivery.id,
        type=delivery.type,
        render=delivery.render,
        url=delivery.url,
        status=delivery.status,
        attempts=delivery.attempts,
        created=moment(delivery.created),
        next_attempt=moment(delivery.due) if delivery.status == "pending" else None,
        finished=moment_or_none(delivery.finished),
        outcome=delivery.outcome,
    )
