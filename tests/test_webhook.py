"""Webhooks to real servers on this machine, which only the exempt address may reach; and where they never go."""

import hashlib
import hmac
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akma_core import webhook
from akma_core.errors import FailureError, RequestError
from akma_core.standard_webhooks import verify_standard
from akma_core.webhook import WebhookError, check_url, is_public, send, verify

SECRET = b"sixteen bytes or more"
SECRETS = ("sixteen bytes or more", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
HOSTS = ("hooks.example.com", "*.example.org", "odd.example.net:8443", "93.184.216.34", "*.Example.ORG:444")
PRIVATE = ("127.0.0.1:9000", "box.internal:80", "[::1]:9000")


class Handler(BaseHTTPRequestHandler):
    """Answers by path; remembers what came."""

    server: "Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body))
        getattr(self, "answer_" + self.path.strip("/").partition("/")[0].partition("?")[0])()

    def answer_status(self) -> None:
        status = int(self.path.split("/")[2][:3])
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", f"http://127.0.0.1:{self.server.port}/status/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer_drip(self) -> None:
        """One byte of the head now and then, each sooner than any timeout for a byte."""
        for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
            self.connection.sendall(bytes([byte]))
            time.sleep(0.02)

    def answer_dripbody(self) -> None:
        self.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            self.connection.sendall(b"x")
            time.sleep(0.02)

    def answer_huge(self) -> None:
        self.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
        while True:
            self.connection.sendall(bytes(1 << 20))
            self.server.sent += 1 << 20

    def answer_hugehead(self) -> None:
        self.connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            self.connection.sendall(b"X-Y: " + b"z" * 10_000 + b"\r\n")

    def answer_early(self) -> None:
        self.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")

    def answer_nothing(self) -> None:
        pass

    def answer_noise(self) -> None:
        self.connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.port: int = self.server_address[1]
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.sent = 0

    def handle_error(self, *_: Any) -> None:
        """Clients leave in the middle of some answers."""


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Server]:
    with Server() as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def post(server: Server, path: str, **options: Any) -> None:
    host = f"127.0.0.1:{server.port}"
    send(f"http://{host}/{path}", b'{"id":"1"}', SECRETS, hosts=(), allow_private=(host,), **options)


def failed(call: Callable[..., None], *arguments: Any, **options: Any) -> WebhookError:
    with pytest.raises(WebhookError) as caught:
        call(*arguments, **options)
    error = caught.value
    assert isinstance(error, FailureError)
    assert (error.code, error.field) == ("webhook_failed", "webhook_url")
    assert "\n" not in error.message
    return error


# Deliveries


def test_a_delivery_arrives_signed(server: Server) -> None:
    post(server, "status/200?a=b%20c", delivery="first")
    ((path, headers, body),) = server.got
    assert path == "/status/200?a=b%20c"
    assert json.loads(body) == {"id": "1"}
    assert headers["Host"] == f"127.0.0.1:{server.port}"
    assert headers["Content-Type"] == "application/json"
    assert headers["AKMA-Delivery"] == "first"
    assert abs(int(headers["AKMA-Timestamp"]) - time.time()) < 10
    expected = hmac.new(SECRET, f"{headers['AKMA-Timestamp']}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["AKMA-Signature"] == f"v1={expected}"
    assert verify(SECRET, body, headers["AKMA-Timestamp"], headers["AKMA-Signature"])
    assert headers["webhook-id"] == "first"
    assert all(verify_standard(secret, body, headers) for secret in SECRETS)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_success(server: Server, status: int) -> None:
    post(server, f"status/{status}")
    assert len(server.got) == 1


FINAL = [(status, False) for status in (301, 302, 303, 304, 307, 308, 400, 401, 404, 408, 410)]


@pytest.mark.parametrize(("status", "transient"), [*FINAL, (429, True), (500, True), (502, True), (503, True)])
def test_failure(server: Server, status: int, transient: bool) -> None:
    """Redirects are not followed: the server is asked once."""
    error = failed(post, server, f"status/{status}")
    assert error.transient is transient
    assert str(status) in error.message
    assert len(server.got) == 1


@pytest.mark.parametrize("path", ["drip", "dripbody"])
def test_the_timeout_is_for_all_of_it(server: Server, path: str) -> None:
    started = time.monotonic()
    error = failed(post, server, path, seconds=0.4)
    assert error.transient
    assert "0.4 seconds" in error.message
    assert time.monotonic() - started < 8


def test_a_server_that_does_not_speak() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        url = f"http://{host}/"
        assert failed(send, url, b"{}", SECRETS, hosts=(), allow_private=(host,), seconds=0.3).transient
        assert time.monotonic() - started < 8


def test_a_huge_answer_is_not_read(server: Server) -> None:
    post(server, "huge")
    assert server.sent < 50 << 20


@pytest.mark.parametrize("path", ["early", "nothing", "noise", "hugehead"])
def test_broken_answers(server: Server, path: str) -> None:
    assert failed(post, server, path).transient


def test_nobody_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{closed.getsockname()[1]}"
        assert failed(send, f"http://{host}/", b"{}", SECRETS, hosts=(), allow_private=(host,)).transient


def test_no_such_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failed(send, "https://hooks.example.com/x?key=5", b"{}", SECRETS, hosts=HOSTS)
    assert error.transient
    assert "key=5" not in error.message


def test_slow_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(webhook, "_resolve", lambda *_: gate.wait(20))
    started = time.monotonic()
    assert failed(send, "https://hooks.example.com/", b"{}", SECRETS, hosts=HOSTS, seconds=0.2).transient
    assert time.monotonic() - started < 8
    gate.set()


def test_settings_that_changed_since(server: Server) -> None:
    url = f"http://127.0.0.1:{server.port}/status/200"
    assert not failed(send, url, b"{}", SECRETS, hosts=HOSTS).transient
    assert not server.got


def test_no_proxy_of_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    post(server, "status/200")


# Names and addresses


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    monkeypatch.setattr(webhook, "_resolve", lambda _host, _port: list(addresses))


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("93.184.216.34", "10.0.0.1"), ("169.254.169.254",), ("::1",), ("2606:4700::1", "fd00:ec2::254")],
)
def test_a_name_that_leads_inside(monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]) -> None:
    """Nothing is connected to, the good address neither."""
    resolving(monkeypatch, *addresses)

    def connect(*_: Any, **__: Any) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr(webhook, "_answer", connect)
    error = failed(send, "https://hooks.example.com/", b"{}", SECRETS, hosts=HOSTS)
    assert not error.transient
    assert "public" in error.message


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate with its key for hooks.example.com, and who trusts its maker."""
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(command: str) -> None:
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)

    (folder / "names").write_text("subjectAltName=DNS:hooks.example.com")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    openssl(f"req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=ours -addext keyUsage=critical,keyCertSign")
    openssl(f"req {key} -keyout key.pem -out request.pem -subj /CN=hooks.example.com")
    openssl("x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out cert.pem")
    both = folder / "both.pem"
    both.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return both, ssl.create_default_context(cafile=folder / "ca.pem")


def test_the_checked_address_is_the_one_spoken_to(
    authority: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS is asked once; TLS is for the name, not for the address. 127.0.0.1 plays a public one."""
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.9", "127.0.0.1"]  # nobody is at the first

    certificate, context = authority
    with serving(certificate) as server:
        monkeypatch.setattr(webhook, "_resolve", resolve)
        monkeypatch.setattr(webhook, "is_public", lambda address: address.startswith("127."))
        hosts = [f"*.example.com:{server.port}"]
        send(f"https://hooks.example.com:{server.port}/status/200", b"{}", SECRETS, hosts=hosts, context=context)
        assert asked == ["hooks.example.com"]
        assert server.got[0][1]["Host"] == f"hooks.example.com:{server.port}"
        other = f"https://other.example.com:{server.port}/status/200"
        assert failed(send, other, b"{}", SECRETS, hosts=hosts, context=context).transient
        unknown = f"https://hooks.example.com:{server.port}/status/200"
        assert "certificate" in failed(send, unknown, b"{}", SECRETS, hosts=hosts).message
        assert len(server.got) == 1


INSIDE = """
0.0.0.0 10.1.2.3 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.255 168.63.129.16 169.254.169.254 172.16.0.1 127.1 1
172.31.255.255 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1
240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 64:ff9b::10.0.0.1
64:ff9b::169.254.169.254 64:ff9b:1::1 100::1 2001::1 2001:db8::1 2001:10::1 2002:7f00:1::1 2002:a00:1::1 2002:808:808::1
3fff::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 2606:4700::1%eth0 0x7f.1 name
"""
OUTSIDE = """
1.1.1.1 8.8.8.8 93.184.216.34 172.32.0.1 2606:4700:4700::1111 2a00:1450:4001::1 ::ffff:8.8.8.8 64:ff9b::808:808
"""


def test_public_addresses() -> None:
    assert [address for address in INSIDE.split() if is_public(address)] == []
    assert [address for address in OUTSIDE.split() if not is_public(address)] == []


@given(st.ip_addresses(v=4))
def test_no_wrapping_makes_an_address_public(address: Any) -> None:
    plain = is_public(str(address))
    assert is_public(f"::ffff:{address}") == plain
    assert is_public(f"64:ff9b::{address}") == plain
    assert not is_public(f"::{address}")


GOOD = """
https://hooks.example.com https://hooks.example.com/ https://HOOKS.example.com/akma?a=b&c=%20d http://[::1]:9000/
https://hooks.example.com:443/x https://a.example.org/ https://a.b.example.org/x https://odd.example.net:8443/
https://93.184.216.34/x https://a.example.org:444/ http://127.0.0.1:9000/x https://127.0.0.1:9000/x
http://box.internal/ http://BOX.internal:80/x https://hooks.example.com/@a:b
"""
OTHERS = """
ftp://hooks.example.com/ http://hooks.example.com/ hooks.example.com //hooks.example.com/ https:// https:///x
file:///etc/passwd https://example.com/ https://xhooks.example.com/ https://hooks.example.com.evil.com/ https://[::1
https://xexample.org/ https://evil.com/?hooks.example.com https://evil.com#hooks.example.com https://example.org/
https://hooks.example.com@evil.com/ https://a:b@hooks.example.com/ https://@hooks.example.com/ https://127.1/
https://hooks.example.com:8443/ https://hooks.example.com:22/ https://hooks.example.com:0/ https://hooks.example.com:x/
https://hooks.example.com:99999/ https://odd.example.net/ https://hooks.example.com./ https://hooks..example.com/
https://evil.com\\@hooks.example.com/ https://hooks.example.com\\@evil.com/ https://hooks%2eexample.com/
https://127.0.0.1/ http://127.0.0.1/ http://127.0.0.1:9001/ http://127.0.0.1:90000/ https://box.internal/ http://[::1]/
https://localhost/ https://2130706433/ https://0x7f.1/ https://169.254.169.254/ http://169.254.169.254/latest
https://metadata.google.internal/ https://[fd00:ec2::254]/ https://[::ffff:127.0.0.1]/ https://hööks.example.com/
https://hooks.example.com/ü https://.example.org/ https://*.example.org/ https://[::1]/ https://a@hooks.example.com/
https://hooks.example.com/#x
"""
BAD = ["", " ", "https://hooks.example.com/ x", "https://hooks.example.com/\r\nHost: x", "https://hooks.example.com/\0"]
BAD += [
    "https://hooks.example.com/" + "x" * 2048,
    f"https://{'a' * 64}.example.org/",
    f"https://{'a.' * 130}example.org/",
]


@pytest.mark.parametrize("url", GOOD.split())
def test_urls_that_may_be_called(url: str) -> None:
    check_url(url, HOSTS, PRIVATE)


@pytest.mark.parametrize("url", [*OTHERS.split(), *BAD])
def test_urls_that_may_not(url: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_url(url, HOSTS, PRIVATE)
    assert caught.value.field == "webhook_url"
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("name", ["metadata.google.internal", "169.254.169.254", "10.0.0.1", "127.0.0.1", "[::1]"])
def test_an_allow_list_does_not_open_the_inside(name: str) -> None:
    with pytest.raises(RequestError, match="public"):
        check_url(f"https://{name}/", [name, "*.google.internal", "*.internal"])


def test_without_hosts_there_are_no_webhooks() -> None:
    with pytest.raises(RequestError, match="AKMA_WEBHOOK_HOSTS"):
        check_url("https://hooks.example.com/", ())


@given(st.text(alphabet="htps:/@.\\[]%#?*0127a-é\t", max_size=40) | st.from_regex(r"\Ahttps?://[!-~]{0,40}\Z"))
def test_any_text_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_url(text, HOSTS)
    assert caught.value.field == "webhook_url"


# For receivers
