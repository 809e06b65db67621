"""The studio's page as files: who gets them, with which headers, and nothing else of the disk."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from akma_core.api.studio import add_studio, is_open
from tests.support.api_service import Service
from tests.support.web import serving, talk

SCRIPT = b"console.log('" + b"x" * 5000 + b"')"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[httpx.Client]:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>AKMA</title>")
    (folder / "assets" / "index-Dk3_x9aB.js").write_bytes(SCRIPT)
    (folder / "demo.flac").write_bytes(bytes(range(256)))
    (folder / "notes.py").write_text("not a file of a page")
    (folder / ".hidden.js").write_text("nor this")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    app = FastAPI(redirect_slashes=False)
    add_studio(app, folder)
    with serving(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        yield client


def test_the_front_leads_to_the_page(page: httpx.Client) -> None:
    for path in ("/", "/studio"):
        answer = page.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (307, "/studio/")
    index = page.get("/studio/")
    assert index.text.startswith("<!doctype html>")
    assert index.headers["Cache-Control"] == "no-cache"
    policy = index.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert index.headers["X-Content-Type-Options"] == "nosniff"


def test_assets_are_kept_for_ever_and_packed(page: httpx.Client) -> None:
    path = "/studio/assets/index-Dk3_x9aB.js"
    answer = page.get(path)
    assert (answer.content, answer.headers["Content-Encoding"]) == (SCRIPT, "gzip")
    assert int(answer.headers["Content-Length"]) == len(gzip.compress(SCRIPT, 9, mtime=0))
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Type"].startswith("text/javascript")
    plain = page.get(path, headers={"Accept-Encoding": "gzip;q=0, br"})
    assert "Content-Encoding" not in plain.headers
    assert page.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    head = page.head(path, headers={"Accept-Encoding": "identity"})
    assert (head.headers["Content-Length"], head.content) == (str(len(SCRIPT)), b"")


def test_the_demo_song_with_ranges(page: httpx.Client) -> None:
    part = page.get("/studio/demo.flac", headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content, part.headers["Content-Type"]) == (206, b"\4\5\6\7", "audio/flac")


@pytest.mark.parametrize(
    "name",
    ["../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "assets/../../secret.txt", "link.txt", "notes.py",
     ".hidden.js", "/etc/passwd", "assets", "assets/", "a" * 300 + ".js", "x%00.js", "..\\secret.txt", "no.js"],
)  # fmt: skip
def test_nothing_else_is_served(page: httpx.Client, name: str) -> None:
    answer = page.get(f"/studio/{name}")
    assert answer.status_code == 404
    assert "secret" not in answer.text
    assert page.post("/studio/").status_code == 405


def test_a_path_is_taken_as_it_comes(page: httpx.Client) -> None:
    request = b"GET /studio/../secret.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = talk(page.base_url.port or 0, request)
    assert b" 404 " in answer
    assert b"secret\n" not in answer


def test_one_line_where_no_page_is_built(tmp_path: Path) -> None:
    app = FastAPI(redirect_slashes=False)
    add_studio(app, tmp_path / "nothing")
    with serving(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        front = client.get("/")
        assert (front.status_code, front.text.count("\n")) == (200, 1)
        assert "make studio" in front.text
        assert client.get("/studio/").status_code == 404


def test_the_page_needs_no_key_and_the_api_does(served: Service) -> None:
    with served.client("") as nobody:
        assert nobody.get("/").status_code in (200, 307)
        assert nobody.get("/studio/").status_code in (200, 404)
        assert nobody.get("/v1/songs").status_code == 401
        assert nobody.get("/studiox").status_code == 401
    assert all(map(is_open, ("/", "/studio", "/studio/", "/studio/assets/x.js")))
    assert not any(map(is_open, ("/v1/songs", "/studiox", "//", "/metrics")))
