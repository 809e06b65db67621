"""A JSON object as the body of a request: bounded, strict, and told to OpenAPI."""

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request

from akma_core.api.multipart import too_large
from akma_core.api.openapi import Schema
from akma_core.api.upload import parse_object
from akma_core.errors import RequestError
from akma_core.settings import RenderSettings

MAX_BODY = 8 << 20  # bytes; 50,000 hits and two lists of 100,000 seeds take 6
IDLE = 60.0  # seconds that a body may take to come


async def read_object(request: Request) -> dict[str, Any]:
    """The object that the body holds; of an empty body {}. RequestError, code bad_setting, too_large and others."""
    body = bytearray()
    try:
        async with asyncio.timeout(IDLE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise too_large("the body", MAX_BODY)
    except TimeoutError:
        raise RequestError("the body does not come: send it again without pauses", code="upload_stalled") from None
    except ClientDisconnect:
        raise RequestError("the body broke off: send it again", code="incomplete_upload") from None
    try:
        text = bytes(body).decode()
    except UnicodeDecodeError:
        raise RequestError("the body is not UTF-8 text: send JSON", code="bad_body") from None
    return parse_object(text, "the body", "is") if text.strip() else {}


def take(fields: dict[str, Any], known: set[str]) -> None:
    """RequestError for the first field that is not one of `known`."""
    if unknown := next((name for name in fields if name not in known), None):
        raise RequestError(f"unknown field {unknown[:60]!r}", code="unknown_setting", field=unknown[:60])


def settings_in(fields: dict[str, Any]) -> dict[str, Any]:
    """Take the settings, an object, out of `fields`; {} where there are none. RequestError where they are no object."""
    settings = fields.pop("settings", {})
    if not isinstance(settings, dict):
        raise RequestError("settings should be a JSON object", code="bad_setting", field="settings")
    return settings


def settings_schema() -> Schema:
    """Schema of the settings as a JSON object."""
    schema = RenderSettings.model_json_schema(by_alias=True)
    schema.pop("$defs", None)
    return schema


def body(properties: Schema | None = None, *, settings: bool = False) -> Schema:
    """`openapi_extra` of a route that reads such an object: of `properties`, beside the settings or without."""
    schema: dict[str, Any] = dict(settings_schema()) if settings else {"type": "object"}
    schema["properties"] = {**schema.get("properties", {}), **(properties or {})}
    return {"requestBody": {"required": False, "content": {"application/json": {"schema": schema}}}}
