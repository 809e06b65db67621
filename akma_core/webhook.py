"""Telling a server that a render ended: signed, and never to an address inside.

A receiver checks a delivery with `akma_core.standard_webhooks.verify_standard`, or as before with `verify`; the same
delivery may come twice, under one webhook-id.
"""

import hashlib
import hmac
import ipaddress
import re
import socket
import ssl
import time
import uuid
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import cache
from ipaddress import IPv4Address, IPv6Address

import anyio
import anyio.to_thread
import httpx

from akma_core.errors import FailureError, RequestError
from akma_core.standard_webhooks import sign

MAX_URL = 2048  # characters
MAX_ANSWER = 64 << 10  # bytes that are read; nobody looks at them
TOLERANCE = 300  # seconds that a receiver's clock may be off
HOST = r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*|[0-9a-f:.]+"  # a name or an address, no final dot
METADATA = {"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"}
REFUSED = [  # beside what Python calls private, reserved or multicast
    ipaddress.ip_network(net)
    for net in (
        "100.64.0.0/10",  # carriers' own (CGNAT)
        "168.63.129.16/32",  # Azure's metadata and more
        "192.0.0.0/24",  # protocol assignments, Oracle's metadata
        "192.88.99.0/24",  # 6to4 relays
    )
]
PUBLIC = ipaddress.IPv6Network("2000::/3")  # all that is routed
TUNNELS = [ipaddress.ip_network(net) for net in ("2001::/23", "2002::/16", "2001:db8::/32", "3fff::/20")]
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class WebhookError(FailureError):
    """A delivery that failed. `transient`: another try may go well."""

    code = "webhook_failed"

    def __init__(self, message: str, *, transient: bool) -> None:
        super().__init__(message, field="webhook_url")
        self.transient = transient


def check_url(url: str, hosts: Collection[str], allow_private: Collection[str] = ()) -> None:
    """RequestError, field webhook_url, unless webhooks may go to `url`: https, of a listed host, without credentials.

    `hosts`: hooks.example.com, or *.example.com for every name below it; port 443, or the one written behind it
    (hooks.example.com:8443). `allow_private`: exact host:port for which nothing of this holds, http included.
    """
    _parse(url, hosts, allow_private)


def send(
    url: str,
    body: bytes,
    secrets: Sequence[str],
    *,
    hosts: Collection[str],
    allow_private: Collection[str] = (),
    delivery: str | None = None,
    seconds: float = 10.0,
    context: ssl.SSLContext | None = None,
) -> None:
    """POST `body`, JSON, to `url`, signed with each of `secrets`, within so many seconds in all.

    Returns when the answer is 2xx, else WebhookError.

    `delivery` names the event, the same for every try (default: drawn). The name is resolved once, every address it
    has is checked, and only those are spoken to, whatever DNS says later. Blocks: not for an event loop's thread.
    """
    try:
        target = _parse(url, hosts, allow_private)
    except RequestError as error:  # the settings changed since it was accepted
        raise WebhookError(error.message, transient=False) from None
    timestamp, delivery = str(int(time.time())), delivery or uuid.uuid4().hex
    headers = {
        "Host": target.netloc.decode("ascii"),
        "Content-Type": "application/json",
        "User-Agent": "AKMA",
        "AKMA-Timestamp": timestamp,
        "AKMA-Signature": _signature(secrets[0].encode(), timestamp, body),  # until 1.0, for receivers of before
        "AKMA-Delivery": delivery,
        **sign(delivery, timestamp, body, secrets),
    }
    checked = _host_port(target) not in _lower(allow_private)
    try:
        status = anyio.run(_post, target, body, headers, checked, seconds, context or _trusted())
    except TimeoutError:
        raise WebhookError(f"{_shown(target)} took longer than {seconds:g} seconds", transient=True) from None
    except (httpx.TransportError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise WebhookError(f"{_shown(target)} cannot be reached ({reason[:200]})", transient=True) from None
    if 300 <= status < 400:
        message = f"{_shown(target)} answered {status}: redirects are not followed, give the address it ends at"
        raise WebhookError(message, transient=False)
    if not 200 <= status < 300:
        raise WebhookError(f"{_shown(target)} answered {status}", transient=status == 429 or status >= 500)


def verify(
    secret: bytes,
    body: bytes,
    timestamp: str,
    signature: str,
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> bool:
    """For receivers of before Standard Webhooks: whether `body`, as it came, is AKMA's and at most `tolerance` s old.

    `timestamp` and `signature` are the headers AKMA-Timestamp and AKMA-Signature:

        if not verify(secret, body, headers["AKMA-Timestamp"], headers["AKMA-Signature"]):
            return 401
    """
    if not re.fullmatch("[0-9]{1,11}", timestamp):
        return False
    fresh = abs((time.time() if now is None else now) - int(timestamp)) <= tolerance
    return (
        hmac.compare_digest(_signature(secret, timestamp, body).encode(), signature.encode("utf-8", "replace"))
        and fresh
    )


def is_public(address: str) -> bool:
    """True where an IP address is the internet's: none of a machine's own, a network's own, or a cloud's inside."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        inner = ip.ipv4_mapped or (IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None)
        if inner is None:
            return ip in PUBLIC and ip.is_global and not ip.scope_id and not any(ip in net for net in TUNNELS)
        ip = inner
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or any(ip in net for net in REFUSED))


async def _post(
    target: httpx.URL, body: bytes, headers: dict[str, str], checked: bool, seconds: float, context: ssl.SSLContext
) -> int:
    """The status of the answer. One deadline for all: a byte now and then prolongs nothing."""
    with anyio.fail_after(seconds):
        found = await anyio.to_thread.run_sync(_resolve, _host(target), _port(target), abandon_on_cancel=True)
        if checked and not all(map(is_public, found)):
            message = f"{_shown(target)} is not on the public internet: give the URL of a server that is"
            raise WebhookError(message, transient=False)
        # No proxy of the environment: it would resolve the name again.
        async with httpx.AsyncClient(verify=context, trust_env=False, timeout=None) as client:
            for address in found[:-1]:
                with suppress(httpx.ConnectError):
                    return await _answer(client, target, address, body, headers)
            return await _answer(client, target, found[-1], body, headers)


async def _answer(
    client: httpx.AsyncClient, target: httpx.URL, address: str, body: bytes, headers: dict[str, str]
) -> int:
    """POST to `address`; the certificate is to be the name's that `target` has."""
    url, extensions = target.copy_with(host=address), {"sni_hostname": _host(target)}
    async with client.stream("POST", url, content=body, headers=headers, extensions=extensions) as response:
        size = 0
        async for block in response.aiter_raw():
            size += len(block)
            if size > MAX_ANSWER:
                break
        return response.status_code


def _resolve(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _parse(url: str, hosts: Collection[str], allow_private: Collection[str]) -> httpx.URL:
    """check_url's; one parser for what is checked and what is spoken to."""
    if not re.fullmatch(rf"[!-\[\]-~]{{1,{MAX_URL}}}", url):  # printable ASCII but the backslash
        raise _refused(f"should be a URL of at most {MAX_URL} characters of ASCII: https://hooks.example.com/akma")
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL:
        raise _refused("is no URL: give one such as https://hooks.example.com/akma") from None
    if target.scheme not in ("https", "http") or not re.fullmatch(HOST, _host(target)):
        raise _refused("should be a URL such as https://hooks.example.com/akma")
    if re.match("[^/]*//[^/?#]*@", url):
        raise _refused("holds a name or password: leave it out, deliveries are signed")
    if "#" in url:
        raise _refused("has a part behind #, which no server sees: leave it out")
    if _host_port(target) in _lower(allow_private):
        return target
    if target.scheme != "https":
        raise _refused("should begin with https://")
    name, host_port = _host(target), _host_port(target)
    if name in METADATA or (_is_address(name) and not is_public(name)):
        raise _refused(f"{name[:60]} is not on the public internet: give the URL of a server that is")
    if not any(_matches(host_port, entry) for entry in _lower(hosts)):
        what = "is not among the hosts that this server may call"
        raise _refused(f"{host_port[:100]} {what}: ask its administrator for it in AKMA_WEBHOOK_HOSTS")
    return target


def _matches(host_port: str, entry: str) -> bool:
    """True where an entry of the allow-list means this host:port."""
    entry = entry if re.search(":[0-9]+$", entry) else f"{entry}:443"
    return host_port == entry or (entry.startswith("*.") and host_port.endswith(entry[1:]))


def _host(target: httpx.URL) -> str:
    """In ASCII, as it is resolved; without brackets."""
    return target.raw_host.decode("ascii")


def _port(target: httpx.URL) -> int:
    return {"https": 443, "http": 80}[target.scheme] if target.port is None else target.port


def _host_port(target: httpx.URL) -> str:
    """As allow_private writes it: 127.0.0.1:9000, [::1]:9000."""
    host = _host(target)
    return f"[{host}]:{_port(target)}" if ":" in host else f"{host}:{_port(target)}"


def _lower(entries: Collection[str]) -> set[str]:
    return {entry.lower() for entry in entries}


def _is_address(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _signature(secret: bytes, timestamp: str, body: bytes) -> str:
    return "v1=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def _shown(target: httpx.URL) -> str:
    """The host alone: what is behind it may be a secret."""
    return f"webhook {_host(target)[:100]}"


def _refused(what: str) -> RequestError:
    return RequestError(f"webhook_url {what}", code="bad_setting", field="webhook_url")


@cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()
