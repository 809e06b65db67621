"""Keys; without any, this machine alone."""

import re
import string

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from akma_core.api.auth import Authenticator, Caller, is_loopback
from akma_core.config import parse_keys
from akma_core.errors import RequestError
from tests.support.auth import ADMIN, KEYS, LINKS, LOCAL, SECRET, keyed, keyless, refused


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


def test_a_listed_origin_may_change_things_without_keys() -> None:
    listed = Authenticator((), LINKS, origins=("https://Art.example/",))
    page = {**LOCAL, "sec-fetch-site": "cross-site"}
    assert listed.caller(Headers({**page, "origin": "https://art.example"}), "127.0.0.1", "POST").is_admin
    for origin in ("https://art.example.evil.com", "http://art.example", "null"):
        assert refused(listed.caller, Headers({**page, "origin": origin}), "127.0.0.1", "POST").code == "forbidden"
    assert refused(listed.caller, Headers(page), "127.0.0.1", "POST").code == "forbidden"
