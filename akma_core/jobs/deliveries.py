"""Webhooks: of renders that ended, and tests; each tried until it is heard, for a day, with pauses that grow.

What waits holds no place: a delivery has a due time in the database, and any worker takes what is due. Of an owner only
a few are under way at a time, so that dead receivers of one never delay those of another.
"""

import json
import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from akma_core import metrics
from akma_core.config import Environment
from akma_core.database import Database, Delivery, Render
from akma_core.log import event, moment
from akma_core.webhook import WebhookError, send

PLACES = 32  # deliveries under way in a worker
EACH = 4  # of them, of one owner
SECONDS = 10.0  # that a receiver may take
LEASE = 60.0  # seconds after which a try whose worker died is made again
TRIED_FOR = 24 * 3600.0  # seconds of pauses from the first try to the last
FIRST_PAUSE, GROWTH, MAX_PAUSE = 5.0, 3.0, 4 * 3600.0  # seconds, factor, seconds


def pause_after(attempts: int) -> float:
    """Seconds until the next try, after so many."""
    return min(FIRST_PAUSE * GROWTH ** (attempts - 1), MAX_PAUSE) if attempts < 20 else MAX_PAUSE


def pauses_until(attempts: int) -> float:
    """Seconds of pauses up to that try: what a clock says, which may jump, ends no delivery."""
    return sum(pause_after(number) for number in range(1, attempts))


def render_delivery(render: Render, now: float) -> Delivery:
    """The delivery that tells how a render ended; a render ends once, so that the id is its own."""
    data = {
        "id": render.id,
        "type": f"render.{render.status}",
        "timestamp": moment(render.finished or now),
        "status": render.status,
        "name": render.name,
        "error": {"code": render.error_code, "message": render.error_message} if render.error_code else None,
        "finished": render.finished,
        "metadata": json.loads(render.metadata) if render.metadata else None,
        "video": {"bytes": render.video_bytes, "sha256": render.video_sha256} if render.video_sha256 else None,
    }
    return Delivery(
        id=render.id,
        created=now,
        owner=render.owner,
        url=render.webhook_url or "",
        type=f"render.{render.status}",
        render=render.id,
        body=json.dumps(data),
        due=now,
    )


def make_test_delivery(owner: str, url: str, now: float) -> Delivery:
    """A delivery that tells nothing, to try a receiver out."""
    delivery = uuid4().hex
    body = json.dumps({"id": delivery, "type": "test", "timestamp": moment(now)})
    return Delivery(id=delivery, created=now, owner=owner, url=url, type="test", body=body, due=now)


class DeliverySender:
    """Delivers what is due from this worker."""

    def __init__(self, environment: Environment, database: Database) -> None:
        self._environment, self._database = environment, database
        self._threads = ThreadPoolExecutor(PLACES, "webhook")
        self._busy: Counter[str] = Counter()
        self._lock = threading.Lock()

    def send_due(self) -> None:
        """Keep deliveries of renders that ended, and begin those that are due; returns without waiting for any."""
        secrets = self._environment.webhook_secrets
        if not secrets:
            return
        for render in self._database.unsent():
            self._database.deliver(render_delivery(render, self._database.now()))
        with self._lock:
            busy, free = set(self._busy), PLACES - self._busy.total()
        if free <= 0:
            return
        for delivery in self._database.claim_deliveries(EACH, free, LEASE, busy):
            with self._lock:
                self._busy[delivery.owner] += 1
            self._threads.submit(self._deliver, delivery, secrets)

    def forget(self) -> None:
        """Remove deliveries that are over for long; of all workers one does it, once an hour."""
        if self._database.due("deliveries", 3600):
            self._database.forget_deliveries()

    def stop(self) -> None:
        """Begin none any more; what is under way is tried again by another worker unless it ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _deliver(self, delivery: Delivery, secrets: tuple[str, ...]) -> None:
        try:
            self._try(delivery, secrets)
        except Exception as error:  # the database's: the delivery is due again when its lease is over
            event("webhook_unnoted", "warning", delivery=delivery.id, error=repr(error))
        finally:
            with self._lock:
                self._busy[delivery.owner] -= 1
                self._busy += Counter()  # without those at 0

    def _try(self, delivery: Delivery, secrets: tuple[str, ...]) -> None:
        number = delivery.attempts + 1
        about: dict[str, Any] = {"delivery": delivery.id, "render": delivery.render, "attempt": number}
        try:
            send(
                delivery.url,
                delivery.body.encode(),
                secrets,
                hosts=self._environment.webhook_hosts,
                allow_private=self._environment.webhook_allow_private,
                delivery=delivery.id,
                seconds=SECONDS,
            )
        except WebhookError as error:
            pause = pause_after(number) * random.uniform(1.0, 1.2)
            again = error.transient and pauses_until(number + 1) < TRIED_FOR
            self._database.end_delivery(delivery, "pending" if again else "failed", error.message[:500], pause)
            metrics.webhook("again" if again else "failed")
            name = "webhook_again" if again else "webhook_failed"
            event(name, "warning", **about, error=error.message, pause=round(pause, 1) if again else None)
            return
        self._database.end_delivery(delivery, "delivered", "delivered")
        metrics.webhook("delivered")
        event("webhook_sent", **about)
