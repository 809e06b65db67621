"""Links that a browser opens by itself, and the middleware that lets them in."""

import asyncio
import re
import string
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from akma_core.api.auth import LINKED, AccessMiddleware, Authenticator, Caller
from tests.support.auth import ADMIN, KEYS, LINKS, SECRET, keyed, keyless, refused
from tests.support.web import serving


def test_a_link_works_for_its_render_until_it_expires() -> None:
    token = keyed(1000).token("abc", 60)
    assert re.fullmatch(r"[A-Za-z0-9._-]+", token)
    keyed(1000).check_token(token, "abc")
    keyed(1060).check_token(token, "abc")
    assert refused(keyed(1061).check_token, token, "abc").code == "forbidden"
    assert "expired" in refused(keyed(1061).check_token, token, "abc").message
    assert refused(keyed().check_token, token, "abd").code == "forbidden"
    assert refused(Authenticator(KEYS, LINKS[::-1]).check_token, token, "abc").code == "forbidden"
    keyed().check_token(keyed().token("abc", 1e300), "abc")


def test_a_short_secret_for_links() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Authenticator(KEYS, b"short")


@given(st.text(), st.integers(1, 10**8))
def test_any_id_has_a_token(render_id: str, seconds: int) -> None:
    keyed().check_token(keyed().token(render_id, seconds), render_id)


@given(st.text(max_size=60) | st.from_regex(r"\A[0-9]{1,11}\.[A-Za-z0-9_-]{43}\Z"))
def test_no_text_is_a_token(text: str) -> None:
    assert refused(keyed().check_token, text, "abc").code == "forbidden"


@given(st.data())
def test_no_change_of_a_token_passes(data: st.DataObject) -> None:
    token = keyed().token("abc", 60)
    where = data.draw(st.integers(0, len(token)))
    length = data.draw(st.integers(0, 2))
    changed = token[:where] + data.draw(st.text(alphabet=string.printable, max_size=2)) + token[where + length :]
    if changed != token:
        refused(keyed().check_token, changed, "abc")


async def who(request: Request) -> Response:
    caller: Caller | None = getattr(request.state, "caller", None)
    return JSONResponse({"name": caller and caller.name, "role": caller and caller.role})


async def drip(_request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"first"
        await asyncio.sleep(0.3)
        yield b"last"

    return StreamingResponse(pieces())


def app(access: Authenticator) -> Starlette:
    routes = [Route("/drip", drip), Route("/{path:path}", who, methods=["GET", "POST", "DELETE"])]
    return Starlette(routes=routes, middleware=[Middleware(AccessMiddleware, access=access)])


def ask(
    access: Authenticator, path: str, method: str = "GET", peer: str = "203.0.113.7", **headers: str
) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app(access), client=(peer, 5))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:3000") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(send())


@pytest.mark.parametrize("access", [keyed(), keyless()])
def test_only_health_is_open(access: Authenticator) -> None:
    for path in ("/healthz", "/livez", "/readyz"):
        assert ask(access, path).json() == {"name": None, "role": None}
        assert ask(access, path, "POST").status_code in (401, 403)
    for path in ("/", "/metrics", "/docs.json", "/schema.json", "/v1/renders", "/healthz/", "/healthz/x", "//healthz"):
        response = ask(access, path)
        assert response.status_code == (401 if access is not None and access._keys else 403)
        assert set(response.json()["error"]) == {"code", "message"}


def test_the_caller_reaches_the_route() -> None:
    assert ask(keyed(), "/metrics", **{"X-API-Key": ADMIN}).json() == {"name": "root", "role": "admin"}
    assert ask(keyless(), "/metrics", peer="127.0.0.1").json() == {"name": "local", "role": "admin"}
    response = ask(keyed(), "/v1/renders")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["error"]["code"] == "unauthorized"


READS = [
    "video",
    "manifest",
    "waveform",
    "waveform.png",
    "stream.m3u8",
    "events",
    "segments/init.mp4",
    "segments/00-1.m4s",
]
OTHERS = ["/v1/renders/abc", "/v1/renders", "/v1/renders/abc/log", "/v1/renders/abc/segments/", "/metrics"]
OTHERS += ["/v1/renders/abc/segments/..", "/v1/renders/abc/segments/..%2f..%2fabd%2fvideo", "/v1/renders/abc/video/x"]
OTHERS += ["/v1/renders/abd/video", "/v1/renders/abc%2F..%2Fabd/video", "/v1/models", "/x/v1/renders/abc/video"]


@pytest.mark.parametrize("path", READS)
def test_a_link_reads_what_is_its_renders(path: str) -> None:
    query = f"?token={keyed().token('abc', 60)}"
    assert ask(keyed(), f"/v1/renders/abc/{path}{query}").json() == {"name": "link", "role": "link"}
    assert ask(keyed(), f"/v1/renders/abc/{path}{query}", "DELETE").status_code == 401
    assert ask(keyed(1061), f"/v1/renders/abc/{path}{query}").status_code == 403
    assert ask(keyed(), f"/v1/renders/abc/{path}{query}&token=x").status_code == 403
    assert ask(keyed(), f"/v1/renders/abc/{path}?token=").status_code == 403
    assert ask(keyed(), f"/v1/renders/abc/{path}").status_code == 401


@pytest.mark.parametrize("path", OTHERS)
def test_a_link_reads_nothing_else(path: str) -> None:
    assert ask(keyed(), f"{path}?token={keyed().token('abc', 60)}").status_code in (401, 403)


def test_a_key_does_not_need_the_link_to_be_fresh() -> None:
    path = f"/v1/renders/abc/video?token={keyed().token('abc', 60)}"
    assert ask(keyed(2000), path, **{"X-API-Key": SECRET}).json()["name"] == "ana"
    assert ask(keyed(), path, **{"X-API-Key": "wrong"}).status_code == 401


def test_links_without_keys_work_on_this_machine_only() -> None:
    path = f"/v1/renders/abc/video?token={keyless().token('abc', 60)}"
    assert ask(keyless(), path, peer="127.0.0.1").json()["role"] == "link"
    assert ask(keyless(), path).status_code == 403
    assert ask(keyless(), "/v1/renders/abc/video?token=1.x", peer="127.0.0.1").status_code == 403


@given(st.text(max_size=40))
def test_linked_paths_have_no_way_out(text: str) -> None:
    match = LINKED.fullmatch(f"/v1/renders/{text}")
    assert match is None or not re.search(r"\.\.(/|$)|//|\\|%", text)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(app(keyless())) as port:
        yield port


def test_over_http(port: int) -> None:
    assert httpx.get(f"http://127.0.0.1:{port}/metrics").json()["role"] == "admin"
    for headers in ({"Host": "evil.com"}, {"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}):
        assert httpx.get(f"http://127.0.0.1:{port}/metrics", headers=headers).status_code == 403


def test_nothing_is_held_back(port: int) -> None:
    """The first piece of a stream is there before the last is made."""
    with httpx.stream("GET", f"http://127.0.0.1:{port}/drip") as response:
        pieces = list(response.iter_raw())
    assert pieces == [b"first", b"last"]


def test_websockets_are_closed() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def inner(*_: Any) -> None:
        raise AssertionError("reached")

    async def receive() -> Any:
        raise AssertionError("asked")

    asyncio.run(AccessMiddleware(inner, keyed())({"type": "websocket", "path": "/healthz"}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
