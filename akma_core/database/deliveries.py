"""Webhooks to be delivered: what is said to whom, when it is due next, and what became of it."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal

import sqlalchemy as sa

from akma_core.database.engine import Engine
from akma_core.database.schema import deliveries, renders
from akma_core.errors import RequestError

KEPT = 7 * 86400.0  # seconds that a delivery is listed once it is over
FURTHEST = 6 * 3600.0  # seconds: what is due later than that was noted by a clock that has gone back since
MAX_TESTS = 20  # pending at a time, of an owner
DeliveryStatus = Literal["pending", "delivered", "failed"]
RETRIED = sa.case((deliveries.c.attempts > 0, 1), else_=0)
"""0 for what was never tried: that goes before what was."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A webhook that is to be delivered, or was; times are seconds since 1970, UTC."""

    id: str
    """The same for every try."""
    created: float
    owner: str
    url: str
    type: str
    """render.done, render.failed, render.cancelled, or test."""
    render: str | None = None
    body: str
    """JSON."""
    status: DeliveryStatus = "pending"
    attempts: int = 0
    due: float
    """Moment of the next try; while it is under way, of the moment that somebody else may try."""
    finished: float | None = None
    outcome: str | None = None
    """Outcome of the last try."""


class Deliveries(Engine):
    """See the module."""

    def deliver(self, delivery: Delivery) -> None:
        """Keep what is to be delivered; once, however often it is called. A render that it is about notes it."""
        known = sa.select(deliveries.c.id).where(deliveries.c.id == delivery.id)
        with self._write() as connection:
            self._serialize(connection)
            if connection.execute(known).first() is None:
                connection.execute(sa.insert(deliveries).values(asdict(delivery)))
            noted = sa.update(renders).where(renders.c.id == delivery.render, renders.c.webhook.is_(None))
            connection.execute(noted.values(webhook="pending"))

    def check_deliveries(self, owner: str) -> None:
        """RequestError, queue_full, where `owner` has MAX_TESTS tests that are pending."""
        query = sa.select(sa.func.count()).where(
            deliveries.c.owner == owner, deliveries.c.type == "test", deliveries.c.status == "pending"
        )
        with self._read() as connection:
            if connection.execute(query).scalar_one() >= MAX_TESTS:
                message = f"{MAX_TESTS} of your tests of webhooks are pending, the most there may be: try again later"
                raise RequestError(message, code="queue_full")

    def claim_deliveries(self, each: int, most: int, lease: float, busy: Collection[str] = ()) -> list[Delivery]:
        """Take what is due for `lease` seconds: `most`, `each` of an owner, none of `busy` owners, untried first."""
        now = self._now()
        due = sa.or_(deliveries.c.due <= now, deliveries.c.due > now + FURTHEST)
        ready = sa.and_(deliveries.c.status == "pending", due, deliveries.c.owner.not_in(set(busy)))
        order = RETRIED, deliveries.c.due, deliveries.c.id
        place = sa.func.row_number().over(partition_by=deliveries.c.owner, order_by=order).label("place")
        placed = sa.select(deliveries.c.id, place).where(ready).subquery()
        query = sa.select(deliveries).join(placed, placed.c.id == deliveries.c.id).where(placed.c.place <= each)
        query = query.order_by(*order).limit(most)
        with self._read() as connection:
            rows = connection.execute(query).all()
        claimed = []
        for row in rows:
            same = sa.and_(deliveries.c.id == row.id, deliveries.c.due == row.due, deliveries.c.status == "pending")
            with self._write() as connection:  # of two that saw it one gets it
                if connection.execute(sa.update(deliveries).where(same).values(due=now + lease)).rowcount:
                    claimed.append(_delivery(row))
        return claimed

    def end_delivery(self, delivery: Delivery, status: DeliveryStatus, outcome: str, pause: float = 0.0) -> None:
        """Note how a try ended: for good, or "pending", to be tried again in `pause` seconds."""
        values: dict[str, Any] = {"status": status, "attempts": deliveries.c.attempts + 1, "outcome": outcome}
        values |= {"due": self._now() + pause, "finished": None if status == "pending" else self._now()}
        told = "sent" if status == "delivered" else outcome
        with self._write() as connection:
            connection.execute(sa.update(deliveries).where(deliveries.c.id == delivery.id).values(values))
            if status != "pending":
                noted = sa.update(renders).where(renders.c.id == delivery.render)
                connection.execute(noted.values(webhook=told, updated=self._now()))

    def delivery(self, delivery_id: str) -> Delivery | None:
        """One of them; None where there is none."""
        with self._read() as connection:
            row = connection.execute(sa.select(deliveries).where(deliveries.c.id == delivery_id)).first()
        return _delivery(row) if row else None

    def delivery_page(self, owner: str | None, cursor: tuple[float, str] | None, limit: int) -> list[Delivery]:
        """The newest first, of one owner or all; `cursor` is (created, id) of the last one seen."""
        with self._read() as connection:
            return [_delivery(row) for row in connection.execute(self._newest(deliveries, owner, cursor, limit))]

    def forget_deliveries(self) -> None:
        """Remove what is over for long."""
        old = sa.delete(deliveries).where(deliveries.c.status != "pending", deliveries.c.finished < self._now() - KEPT)
        with self._write() as connection:
            connection.execute(old)


def _delivery(row: sa.Row[Any]) -> Delivery:
    return Delivery(**{column.key: row._mapping[column.key] for column in deliveries.c})
