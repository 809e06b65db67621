"""Every failure is JSON of one shape, in one line, with nothing of the inside in it."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Query
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse

from akma_core.api.errors import PUBLIC, answer, body, install, status_of
from akma_core.errors import FailureError, RequestError
from tests.support.web import serving


class Wish(BaseModel):
    name: str
    size: int


def make_app() -> FastAPI:
    app = FastAPI()
    install(app)

    @app.get("/request/{code}")
    def request(code: str) -> None:
        raise RequestError("fps should be\n30", code=code, field="fps")

    @app.get("/failure/{code}")
    def failure(code: str) -> None:
        raise FailureError("the device is lost", code=code)

    @app.get("/bug")
    async def bug() -> None:
        raise ZeroDivisionError("a secret of the inside")

    @app.get("/late")
    async def late() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"begun"
            raise ZeroDivisionError("a secret of the inside")

        return StreamingResponse(pieces())

    @app.get("/gone")
    async def gone() -> None:
        raise ClientDisconnect

    @app.get("/list")
    def listing(limit: Annotated[int, Query(ge=1, le=100)]) -> int:
        return limit

    @app.post("/wish")
    def wish(wish: Wish) -> Wish:
        return wish

    @app.get("/http/{status}")
    def http(status: int) -> None:
        raise HTTPException(status, "told in\nso many words" if status != 404 else None)

    @app.get("/teapot")
    def teapot() -> None:
        raise HTTPException(599)

    return app


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(make_app()) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        yield client


def error_of(response: httpx.Response) -> dict[str, str]:
    assert response.headers["content-type"] == "application/json"
    error: dict[str, str] = response.json()["error"]
    assert set(response.json()) == {"error"}
    assert {"code", "message"} <= set(error) <= {"code", "message", "field"}
    assert error["message"]
    assert "\n" not in error["message"]
    return error


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("request/bad_setting", 422),
        ("request/unknown_model", 422),
        ("request/whatever", 422),
        ("request/unauthorized", 401),
        ("request/forbidden", 403),
        ("request/not_found", 404),
        ("request/upload_stalled", 408),
        ("request/output_exists", 409),
        ("request/name_taken", 409),
        ("request/idempotency_conflict", 409),
        ("request/too_large", 413),
        ("request/unsupported_type", 415),
        ("request/too_many", 429),
        ("request/queue_full", 429),
        ("failure/whatever", 500),
        ("failure/storage_unreachable", 503),
        ("failure/database_unreachable", 503),
        ("failure/disk_full", 507),
    ],
)
def test_status_by_code(client: httpx.Client, path: str, status: int) -> None:
    response = client.get(path)
    kind, code = path.split("/")
    assert response.status_code == status
    if kind == "request":
        assert error_of(response) == {"code": code, "message": "fps should be 30", "field": "fps"}
    else:
        assert error_of(response) == {"code": code, "message": PUBLIC.get(code, "the device is lost")}
    assert ("retry-after" in response.headers) == (status in (429, 503))
    assert ("www-authenticate" in response.headers) == (status == 401)


@pytest.mark.parametrize(("seconds", "header"), [(None, "30"), (2.4, "2"), (0.1, "1"), (90, "90")])
def test_retry_after(seconds: float | None, header: str) -> None:
    error = RequestError("the queue is full", code="too_many")
    if seconds is not None:
        error.retry_after = seconds  # type: ignore[attr-defined]
    assert answer(error).headers["retry-after"] == header


def test_a_bug_is_an_id_here_and_a_trace_in_the_log(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    response = client.get("bug")
    error = error_of(response)
    assert (response.status_code, error["code"]) == (500, "internal")
    assert not any(word in response.text for word in ("secret", "ZeroDivision", "Traceback", "test_errors", ".py"))
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert isinstance(record.args, tuple)
    assert str(record.args[0]) in error["message"]
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError


def test_a_bug_in_the_middle_breaks_the_answer_off(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("late")
    assert any("error" in record.message and "/late" in record.message for record in caplog.records)
    assert {record.exc_info[0] for record in caplog.records if record.exc_info} == {ZeroDivisionError}


def test_a_client_that_left_is_no_error(client: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    assert client.get("gone").status_code == 500  # uvicorn's own, for nobody
    assert not [record for record in caplog.records if record.name.startswith("akma")]


@pytest.mark.parametrize("path", ["nothing", "v1/../../etc/passwd", "a%0Ab", "%F0%9F%8E%B5", "http/404", "x" * 5000])
def test_unknown_paths(client: httpx.Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, error_of(response)["code"]) == (404, "not_found")
    assert len(response.text) < 400


def test_unknown_methods(client: httpx.Client) -> None:
    response = client.delete("bug")
    assert (response.status_code, error_of(response)["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == "GET"
    assert "GET" in error_of(response)["message"]


def test_other_http_errors(client: httpx.Client) -> None:
    response = client.get("http/416")
    assert response.status_code == 416
    assert error_of(response)["message"] == "told in so many words"
    assert client.get("http/304").content == b""
    assert client.get("teapot").status_code == 599


@pytest.mark.parametrize(("query", "word"), [("", "required"), ("?limit=0", "greater"), ("?limit=x", "integer")])
def test_parameters(client: httpx.Client, query: str, word: str) -> None:
    response = client.get(f"list{query}")
    error = error_of(response)
    assert (response.status_code, error["code"], error["field"]) == (422, "bad_request", "limit")
    assert word in error["message"]


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        (b"{", "bad_body", None),
        (b"", "bad_request", None),
        (b"[]", "bad_request", None),
        (b'{"name": "a"}', "bad_request", "size"),
        (b'{"name": "a", "size": "x"}', "bad_request", "size"),
        (b'{"name": "\xff"}', None, None),
        (b"[" * 100_000, None, None),
    ],
)
def test_bodies(client: httpx.Client, text: bytes, code: str | None, field: str | None) -> None:
    response = client.post("wish", content=text, headers={"Content-Type": "application/json"})
    error = error_of(response)
    assert response.status_code in (400, 422)
    if code:
        assert (error["code"], error.get("field")) == (code, field)


@example("half \ud800", "\udfff")
@given(st.text(max_size=50), st.text(max_size=20))
def test_any_text_is_an_answer(message: str, field: str) -> None:
    """Half surrogate pairs too."""
    error = json.loads(bytes(body(422, "bad_setting", message, field).body))["error"]
    assert error["message"] == " ".join(message.split())
    assert error.get("field", "") == field


def test_codes_decide() -> None:
    assert status_of(RequestError("x")) == 422
    assert status_of(FailureError("x")) == 500
