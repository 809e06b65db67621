"""Payload of a render's webhook, sent when the render is over."""

import json

from akma_core.config import Environment
from akma_core.database import Render
from akma_core.errors import FailureError
from akma_core.webhook import send


def send_webhook(render: Render, environment: Environment, secret: bytes) -> None:
    """Tell a render's webhook how it ended. FailureError, with `transient` where another try may do."""
    body = json.dumps(
        {
            "id": render.id,
            "status": render.status,
            "name": render.name,
            "error": {"code": render.error_code, "message": render.error_message} if render.error_code else None,
            "finished": render.finished,
            "metadata": json.loads(render.metadata) if render.metadata else None,
        }
    ).encode()
    if render.webhook_url is None:
        raise FailureError("the render has no webhook", code="webhook_failed")
    send(
        render.webhook_url,
        body,
        secret,
        hosts=environment.webhook_hosts,
        allow_private=environment.webhook_allow_private,
        delivery=render.id,  # a render ends once
    )
