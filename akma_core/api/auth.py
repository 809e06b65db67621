"""Authorisation: API keys; without any, only this machine; and links that a browser opens by itself."""

import hmac
import ipaddress
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from akma_core.api.errors import answer
from akma_core.config import ApiKey, Role, secret_digest
from akma_core.errors import RequestError

OPEN = {"/healthz", "/livez", "/readyz"}  # whoever watches a machine has no key
SAFE = {"GET", "HEAD", "OPTIONS"}  # change nothing
LINKED = re.compile(  # what a token opens of its render, its song or its network
    r"/v1/renders/(?P<render>[A-Za-z0-9_-]{1,100})"
    r"/(video|manifest|waveform(\.png)?|poster\.jpg|stream\.m3u8|events|segments/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99})"
    r"|/v1/(?P<song>songs/[0-9a-f]{64})/audio"
    r"|/v1/(?P<network>models/[a-z0-9][a-z0-9._-]{0,99})/(sheet|seeds/[0-9]{1,10})\.jpg"
)
FORWARDED = re.compile(  # what proxies say of the peer behind them
    r"(x-)?forwarded(-.*)?|via|x-real-ip|.*(client|connecting|user|remote)-(ip|addr)|x-(original|envoy|proxy)-.*|cf-.*"
)
LINK_SECRET = 16  # bytes at least
MAX_LINK = 10**11  # seconds since 1970, the year 5138: no token says more


@dataclass(frozen=True)
class Caller:
    """The sender of a request. A link's caller may read one render, and passed the check that it is this one."""

    name: str
    """of the key; "local" for this machine, "link" for a signed link"""
    role: Role

    @property
    def is_admin(self) -> bool:
        return self.role == "admin"

    def check_admin(self) -> None:
        """RequestError, code forbidden, for all but administrators."""
        if not self.is_admin:
            raise _forbidden("only an administrator may do this: use a key whose role is admin")


class Authenticator:
    """The rules. With no `keys` only loopback peers that no proxy speaks for are served, as administrator "local"."""

    def __init__(
        self,
        keys: Sequence[ApiKey],
        link_secret: bytes,
        *,
        origins: Collection[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`link_secret` signs links: 16 bytes or more, the same in every process that serves; ValueError if shorter.

        `origins`: sites whose pages may send what changes something where there are no keys.
        """
        if len(link_secret) < LINK_SECRET:
            raise ValueError(f"link_secret should have {LINK_SECRET} bytes or more")
        self._keys, self._secret, self._clock = tuple(keys), link_secret, clock
        self._origins = {origin.lower().rstrip("/") for origin in origins}

    def caller(self, headers: Headers, peer: str | None, method: str = "GET") -> Caller:
        """Find who sends a request with `headers` from `peer`; RequestError, code unauthorized or forbidden."""
        if not self._keys:
            _check_local(headers, peer)
            if method not in SAFE:
                _check_same_site(headers, self._origins)
            return Caller("local", "admin")
        given = secret_digest(_secret(headers))
        found = [key for key in self._keys if hmac.compare_digest(key.digest, given)]  # all, in the same time
        if not found:
            raise _unauthorized("this API key is not known here: ask the administrator for one")
        return Caller(found[0].name, found[0].role)

    def token(self, render_id: str, seconds: float) -> str:
        """Signed text that reads one render for so many seconds; letters, digits, "-", "_" and "." only."""
        expiry = min(int(self._clock() + seconds), MAX_LINK - 1)
        return f"{expiry}.{self._signature(render_id, expiry)}"

    def check_token(self, text: str, render_id: str) -> None:
        """RequestError, code forbidden, unless `text` is a token for `render_id` that has not expired."""
        match = re.fullmatch(r"([1-9][0-9]{0,10})\.([A-Za-z0-9_-]{43})", text)
        if not match or not hmac.compare_digest(match[2], self._signature(render_id, int(match[1]))):
            raise _forbidden("this link is not right: take links whole, as the render's page gives them")
        if int(match[1]) < self._clock():
            raise _forbidden("this link has expired: ask for the render again, which gives new ones")

    def linked(self, scope: Scope) -> Caller | None:
        """The caller of a request whose query has a `token` for what it reads; None if it has none or reads no such.

        RequestError as check_token.
        """
        match = LINKED.fullmatch(scope["path"])
        if not match or scope["method"] not in SAFE or b"token=" not in scope["query_string"]:
            return None
        tokens = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("token", [])
        subject = match["render"] or match["song"] or match["network"]
        self.check_token(tokens[0] if len(tokens) == 1 else "", subject)
        return Caller("link", "link")

    def admit(self, scope: Scope) -> Caller:
        """Find who sends the HTTP request of `scope`. RequestError, code unauthorized or forbidden."""
        headers, peer = Headers(scope=scope), (scope.get("client") or (None,))[0]
        if not self._keys:  # a token takes nothing away from where a request must come from
            local = self.caller(headers, peer, scope["method"])
            return self.linked(scope) or local
        if "authorization" in headers or "x-api-key" in headers:
            return self.caller(headers, peer, scope["method"])
        return self.linked(scope) or self.caller(headers, peer, scope["method"])

    def _signature(self, render_id: str, expiry: int) -> str:
        text = f"akma link 1\n{expiry}\n{render_id}".encode("utf-8", "surrogatepass")
        return urlsafe_b64encode(hmac.digest(self._secret, text, "sha256")).decode().rstrip("=")


class AccessMiddleware:
    """Pure ASGI: puts the Caller into scope["state"]["caller"] (request.state.caller), or answers the error itself."""

    def __init__(self, app: ASGIApp, access: Authenticator) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # there are none, and a browser opens them across sites
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http" and not (scope["path"] in OPEN and scope["method"] in SAFE):
            try:
                caller = self.access.admit(scope)
            except RequestError as error:
                await answer(error)(scope, receive, send)
                return
            scope["state"] = {**scope.get("state", {}), "caller": caller}
        await self.app(scope, receive, send)


def is_loopback(address: str) -> bool:
    """True where `address`, without port or brackets, is this machine's own: 127.0.0.0/8, ::1, or IPv4-mapped."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return ip.is_loopback


def _check_local(headers: Headers, peer: str | None) -> None:
    """RequestError unless the request was made on this machine, for this machine, with no proxy between."""
    if not is_loopback(peer or ""):
        raise _forbidden("this server has no API keys and serves its own machine only: set AKMA_API_KEYS on it")
    if name := next(filter(FORWARDED.fullmatch, headers), None):
        message = (
            f"this server has no API keys and serves nobody behind a proxy (header {name[:40]}): set AKMA_API_KEYS"
        )
        raise _forbidden(message)
    hosts = headers.getlist("host")
    name = _host_name(hosts[0]) if len(hosts) == 1 else ""
    if not (name == "localhost" or name.endswith(".localhost") or is_loopback(name)):  # DNS rebinding brings others
        raise _forbidden("this server has no API keys and answers to localhost and 127.0.0.1 only: use such a URL")


def _check_same_site(headers: Headers, allowed: Collection[str]) -> None:
    """RequestError for what a browser sends on behalf of a page from elsewhere that is not among `allowed`."""
    origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
    if origins and {origin.lower() for origin in origins} <= set(allowed):
        return
    own = {f"{scheme}://{headers['host']}".lower() for scheme in ("http", "https")}
    if not {origin.lower() for origin in origins} <= own or not set(sites) <= {"same-origin", "none"}:
        raise _forbidden("this server has no API keys and takes nothing from other sites' pages: set AKMA_API_KEYS")


def _host_name(host: str) -> str:
    """The name or address in a Host header, without port, brackets and final dot; empty where it is malformed."""
    if not re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?", host):
        return ""
    return (urlsplit(f"//{host}").hostname or "").removesuffix(".")


def _secret(headers: Headers) -> str:
    """The one secret that a request carries; RequestError, code unauthorized."""
    given = set(headers.getlist("x-api-key"))
    for value in headers.getlist("authorization"):
        scheme, _, secret = value.partition(" ")
        given.add(secret.strip() if scheme.lower() == "bearer" else "")
    if len(given) != 1 or "" in given:
        raise _unauthorized("an API key is needed: send the header Authorization: Bearer SECRET, or X-API-Key: SECRET")
    return given.pop()


def _unauthorized(message: str) -> RequestError:
    return RequestError(message, code="unauthorized")


def _forbidden(message: str) -> RequestError:
    return RequestError(message, code="forbidden")
