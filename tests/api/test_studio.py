from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from akma_core.api.studio import HEADERS, NOT_BUILT, add_studio, is_open
from tests.support.web import serving


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>AKMA studio</title>")
    (tmp_path / "assets/index-abc.js").write_text("1")
    return tmp_path


@contextmanager
def client(built: Path) -> Iterator[httpx.Client]:
    app = FastAPI(redirect_slashes=False)
    add_studio(app, built)
    with serving(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        yield client


def test_the_address_leads_to_the_page(built: Path) -> None:
    with client(built) as page:
        for path in ("/", "/studio"):
            answer = page.get(path)
            assert (answer.status_code, answer.headers["Location"]) == (307, "/studio/")
        answer = page.get("/studio/")
    assert answer.text == "<title>AKMA studio</title>"
    assert answer.headers["Cache-Control"] == "no-cache"


def test_nothing_of_it_may_reach_another_host_or_run_inline(built: Path) -> None:
    with client(built) as page:
        for path in ("/studio/", "/studio/assets/index-abc.js"):
            headers = page.get(path).headers
            assert {name: headers[name] for name in HEADERS} == HEADERS
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert not any(word in policy for word in ("unsafe", "http", "*"))


def test_hashed_files_are_kept(built: Path) -> None:
    with client(built) as page:
        assert "immutable" in page.get("/studio/assets/index-abc.js").headers["Cache-Control"]
        assert page.get("/studio/assets/none.js").status_code == 404
        assert page.get("/studio/%2e%2e/%2e%2e/etc/passwd").status_code == 404


def test_a_service_without_the_page_says_so(tmp_path: Path) -> None:
    with client(tmp_path) as page:
        answer = page.get("/")
        assert (answer.status_code, answer.text) == (200, f"{NOT_BUILT}\n")
        assert page.get("/studio/").status_code == 404


def test_only_the_page_is_open() -> None:
    assert all(map(is_open, ("/", "/studio", "/studio/", "/studio/assets/x.js")))
    assert not any(map(is_open, ("/v1/songs", "/studiox", "//", "/metrics")))
