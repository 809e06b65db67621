"""Errors as responses: `{"error": {"code", "message", "field"?}}`, one line, never a stack trace."""

import json
import logging
import secrets
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from akma_core.errors import AkmaError, FailureError

log = logging.getLogger("akma.api")

STATUS = {  # by code; others are 422 where the request is wrong, 500 where the machine failed
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "upload_stalled": 408,
    "conflict": 409,
    "idempotency_conflict": 409,
    "name_taken": 409,
    "in_use": 409,
    "not_ready": 409,
    "not_done": 409,
    "already_over": 409,
    "output_exists": 409,
    "too_large": 413,
    "unsupported_type": 415,
    "queue_full": 429,
    "too_many": 429,
    "database_unreachable": 503,
    "database_newer": 503,
    "database_unfit": 503,
    "storage_unreachable": 503,
    "unavailable": 503,
    "no_worker": 503,
    "no_answer": 504,
    "disk_full": 507,
}
PUBLIC = {  # in place of lines that name what is the server's own
    "database_unreachable": "the database does not answer: try again later",
    "database_newer": "the service is being updated: try again later",
    "database_unfit": "the service's database is not as it should be: tell its administrator",
    "storage_unreachable": "the storage does not answer: try again later",
    "storage_corrupt": "the storage does not keep what it is given: tell its administrator",
    "write_failed": "the service cannot write: tell its administrator",
    "read_failed": "the service cannot read its storage: tell its administrator",
    "disk_full": "the service has no room left: try again later",
}
RETRY_AFTER = 30  # seconds, for an error that may pass and does not say when


def status_of(error: AkmaError) -> int:
    return STATUS.get(error.code, 500 if isinstance(error, FailureError) else 422)


def answer(error: AkmaError) -> Response:
    """The response to `error`. An error may carry `retry_after`, in seconds, for 429 and 503."""
    status, headers = status_of(error), {}
    if status in (429, 503):
        headers["Retry-After"] = str(max(1, round(getattr(error, "retry_after", RETRY_AFTER))))
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return body(status, error.code, public_message(error), error.field, headers)


def public_message(error: AkmaError) -> str:
    """The line for clients: without paths, hosts and columns of the server, which its log has."""
    return PUBLIC.get(error.code, error.message)


def body(
    status: int, code: str, message: str, field: str | None = None, headers: dict[str, str] | None = None
) -> Response:
    """An error as a response, in any status."""
    error = {"code": code, "message": " ".join(message.split()), **({"field": field} if field else {})}
    text = json.dumps({"error": error}, ensure_ascii=False)
    # Half a surrogate pair, which a client can put into a name, is no UTF-8; its escape is JSON.
    return Response(text.encode("utf-8", "backslashreplace"), status, headers, "application/json")


def install(app: FastAPI) -> None:
    """Every error of the routes of `app` becomes an answer of this shape."""
    app.add_exception_handler(AkmaError, _akma)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_middleware(ErrorMiddleware)


class ErrorMiddleware:
    """Pure ASGI: any other exception is logged with its trace and an id, and answered with the id alone."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception:
            if scope["type"] != "http":
                raise
            number = secrets.token_hex(4)
            log.exception("error %s in %s %r", number, scope["method"], scope["path"])
            if started:
                raise  # too late for an answer: the server breaks the connection off, so that nobody takes it for whole
            message = (
                f"something went wrong in the server: tell its administrator the number {number}, which is in its log"
            )
            await body(500, "internal", message)(scope, receive, send)


def _akma(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AkmaError)
    if status_of(error) >= 500:
        log.warning("%s: %s", error.code, error.message)
    return answer(error)


def _validation(_request: Request, error: Exception) -> Response:
    """The first complaint of FastAPI about a parameter or a body."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place, *names = map(str, first["loc"])
    if first["type"] == "json_invalid":
        return body(422, "bad_body", "the body is no JSON: send an object such as {}")
    field = ".".join(names)[:60]
    message = first["msg"].removeprefix("Value error, ")
    return body(422, "bad_request", f"{field or place} {message[:1].lower()}{message[1:]}"[:300], field or None)


def _http(request: Request, error: Exception) -> Response:
    """Handle what Starlette and FastAPI refuse by themselves: unknown paths, methods, bodies."""
    assert isinstance(error, HTTPException)
    status, headers = error.status_code, dict(error.headers or {})
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "error"
    method, path = request.method[:20], ascii(request.url.path[:100])
    if status < 200 or status in (204, 304):  # have no body
        return Response(status_code=status, headers=headers)
    if status == 404 and error.detail == phrase:
        return body(404, "not_found", f"there is nothing at {path}: see /v1/docs for what there is", headers=headers)
    if status == 405:
        allowed = headers.get("allow") or headers.get("Allow") or "another method"
        return body(405, "method_not_allowed", f"{path} does not take {method}: use {allowed}", headers=headers)
    code = phrase.lower().replace(" ", "_").replace("-", "_")
    return body(status, code, error.detail or phrase, headers=headers)
