"""Keys, this machine alone, and links."""

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
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from akma_core.api.auth import LINKED, AccessMiddleware, Authenticator, Caller, is_loopback
from akma_core.config import parse_keys
from akma_core.errors import RequestError
from tests.support.web import serving

SECRET = "correct-horse-battery"
ADMIN = "an:admin:secret/with=signs"
KEYS = parse_keys(f"ana:user:{SECRET},root:admin:{ADMIN}")
LINKS = b"sixteen bytes or more"
LOCAL = {"host": "localhost:3000"}


def keyed(clock: float = 1000.0) -> Authenticator:
    return Authenticator(KEYS, LINKS, clock=lambda: clock)


def keyless() -> Authenticator:
    return Authenticator((), LINKS)


def refused(call: Any, *arguments: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        call(*arguments)
    assert "\n" not in caught.value.message
    return caught.value


# Keys


def test_keys_are_read() -> None:
    assert [(key.name, key.role) for key in KEYS] == [("ana", "user"), ("root", "admin")]
    assert parse_keys("") == parse_keys(" , ") == ()
    assert SECRET not in repr(KEYS)


GOOD = "0123456789abcdef"


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"ana:{GOOD}",
        f"ana:root:{GOOD}",
        f"ana:{GOOD}:user",
        f"Ana:user:{GOOD}",
        f":user:{GOOD}",
        f"{'a' * 41}:user:{GOOD}",
        "ana:user:",
        f"ana:user:{GOOD[:15]}",
        f"ana:user:{GOOD} {GOOD}",
        f"ana:user:{GOOD}ü",
        f"ana:user:{'x' * 201}",
        f"ana:user:{GOOD},ana:user:x{GOOD}",
        f"ana:user:{GOOD},bob:user:{GOOD}",
        f"b/b:link:{GOOD}",
    ],
)
def test_keys_that_are_none(text: str) -> None:
    error = refused(parse_keys, text)
    assert error.code == "bad_keys"
    assert not any(word in error.message for word in (GOOD, GOOD[:15], "x" * 16))


@given(st.text(alphabet="ab:,é user admin0123456789\n", max_size=80))
def test_any_text_is_keys_or_one_line(text: str) -> None:
    try:
        names = [key.name for key in parse_keys(text)]
    except RequestError as error:
        message = error.message
    else:
        assert len(set(names)) == len(names)
        return
    assert re.match(r"API key \d+ ", message)


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Authorization": f"Bearer {SECRET}"}, "ana"),
        ({"authorization": f"bearer  {SECRET} "}, "ana"),
        ({"X-API-Key": ADMIN}, "root"),
        ({"X-API-Key": ADMIN, "Authorization": f"Bearer {ADMIN}"}, "root"),
        ({"X-API-Key": ADMIN, "X-Forwarded-For": "1.2.3.4", "Host": "akma.example.com"}, "root"),
    ],
)
def test_a_key_says_who_it_is(headers: dict[str, str], name: str) -> None:
    caller = keyed().caller(Headers(headers), "203.0.113.7", "POST")
    assert (caller.name, caller.is_admin) == (name, name == "root")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": SECRET},
        {"Authorization": f"Basic {SECRET}"},
        {"Authorization": f"Bearer {SECRET}x"},
        {"Authorization": f"Bearer {SECRET[:-1]}"},
        {"Authorization": f"Bearer {SECRET.upper()}"},
        {"Authorization": f"Bearer {SECRET}", "X-API-Key": ADMIN},
        {"Authorization": "Basic YTpi", "X-API-Key": ADMIN},
        {"X-API-Key": f"{SECRET},{ADMIN}"},
        {"X-API-Key": "ana"},
        {"X-API-Key": KEYS[0].digest.hex()},
        {"X-API-Key": "ÿ"},
    ],
)
def test_without_the_right_key_nobody_is_served(headers: dict[str, str]) -> None:
    """Not on this machine either, once there are keys."""
    error = refused(keyed().caller, Headers({**headers, **LOCAL}), "127.0.0.1")
    assert error.code == "unauthorized"
    assert SECRET not in error.message


@given(st.text(alphabet=st.characters(max_codepoint=255), max_size=40))
def test_no_other_secret_opens(secret: str) -> None:
    assert refused(keyed().caller, Headers({"x-api-key": secret}), "127.0.0.1").code == "unauthorized"


def test_administrators() -> None:
    Caller("root", "admin").check_admin()
    for role in ("user", "link"):
        assert refused(Caller("ana", role).check_admin).code == "forbidden"


# Without keys: this machine alone


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize(
    "host", ["localhost", "localhost:3000", "LOCALHOST:1", "localhost.", "127.0.0.1:3000", "[::1]:3000", "a.localhost"]
)
def test_without_keys_this_machine_is_the_administrator(peer: str, host: str) -> None:
    caller = keyless().caller(Headers({"host": host}), peer, "POST")
    assert caller == Caller("local", "admin")


@pytest.mark.parametrize(
    "peer",
    [None, "", "testclient", "10.0.0.1", "203.0.113.7", "::", "fe80::1", "0.0.0.0", "::ffff:10.0.0.1", "128.0.0.1"],
)
def test_without_keys_nobody_else_is_served(peer: str | None) -> None:
    assert refused(keyless().caller, Headers(LOCAL), peer).code == "forbidden"


FORWARDING = [
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded",
    "X-Real-IP",
    "Via",
    "CF-Connecting-IP",
    "CF-Ray",
    "True-Client-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "Fastly-Client-IP",
    "Fly-Client-IP",
    "X-Original-Forwarded-For",
    "X-Original-Host",
    "X-Envoy-External-Address",
    "X-Appengine-User-IP",
    "X-Remote-IP",
]


@pytest.mark.parametrize("header", FORWARDING)
def test_without_keys_nobody_comes_through_a_proxy(header: str) -> None:
    error = refused(keyless().caller, Headers({**LOCAL, header: "127.0.0.1"}), "127.0.0.1")
    assert error.code == "forbidden"
    assert header.lower() in error.message


def test_usual_headers_are_no_proxy() -> None:
    usual = ["user-agent", "accept", "x-request-id", "x-api-key", "range", "idempotency-key", "dnt", "traceparent"]
    assert keyless().caller(Headers({**LOCAL, **dict.fromkeys(usual, "1")}), "::1").is_admin


HOSTS = ["", "evil.com", "localhost.evil.com", "127.0.0.1.evil.com", "evil.com:127", "0.0.0.0:3000", "10.0.0.1", "[::]"]
HOSTS += [
    "localhost:3000@evil.com",
    "evil.com#localhost",
    "xlocalhost",
    "127.1",
    "2130706433",
    "[::1",
    "a b",
    "localhost:x",
]


@pytest.mark.parametrize("host", HOSTS)
def test_a_name_that_was_bent_to_this_machine(host: str) -> None:
    assert refused(keyless().caller, Headers({"host": host}), "127.0.0.1").code == "forbidden"


def test_one_host_header() -> None:
    assert refused(keyless().caller, Headers({}), "127.0.0.1").code == "forbidden"
    twice = Headers(raw=[(b"host", b"localhost"), (b"host", b"evil.com")])
    assert refused(keyless().caller, twice, "127.0.0.1").code == "forbidden"


@given(st.text(alphabet=string.ascii_letters + string.digits + ".:[]@/-_", max_size=30))
def test_only_names_of_this_machine_pass(host: str) -> None:
    try:
        keyless().caller(Headers({"host": host}), "127.0.0.1")
    except RequestError:
        return
    name = httpx.URL(f"http://{host}/").host.rstrip(".")
    assert name == "localhost" or name.endswith(".localhost") or is_loopback(name)


PAGES = [
    ({"origin": "http://localhost:3000"}, True),
    ({"origin": "http://localhost:3000", "sec-fetch-site": "same-origin"}, True),
    ({"sec-fetch-site": "none"}, True),
    ({}, True),
    ({"origin": "http://evil.com"}, False),
    ({"origin": "http://localhost:4000"}, False),
    ({"origin": "http://localhost"}, False),
    ({"origin": "null"}, False),
    ({"origin": ""}, False),
    ({"sec-fetch-site": "cross-site"}, False),
    ({"sec-fetch-site": "same-site"}, False),
    ({"origin": "http://localhost:3000", "sec-fetch-site": "cross-site"}, False),
]


@pytest.mark.parametrize(("headers", "good"), PAGES)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "post"])
def test_pages_of_other_sites_change_nothing(headers: dict[str, str], good: bool, method: str) -> None:
    together = Headers({**LOCAL, **headers})
    assert keyless().caller(together, "127.0.0.1", "GET").is_admin
    if good:
        assert keyless().caller(together, "127.0.0.1", method).is_admin
    else:
        assert refused(keyless().caller, together, "127.0.0.1", method).code == "forbidden"


# Links


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


# As middleware


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
