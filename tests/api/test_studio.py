from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from akma_core.api.studio import HEADERS, NOT_BUILT, add_studio, is_open


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<title>AKMA studio</title>")
    (tmp_path / "assets/index-abc.js").write_text("1")
    return tmp_path


def client(built: Path) -> TestClient:
    app = FastAPI()
    add_studio(app, built)
    return TestClient(app, follow_redirects=False)


def test_the_address_leads_to_the_page(built: Path) -> None:
    for path in ("/", "/studio"):
        answer = client(built).get(path)
        assert (answer.status_code, answer.headers["Location"]) == (307, "/studio/")
    page = client(built).get("/studio/")
    assert page.text == "<title>AKMA studio</title>"
    assert page.headers["Cache-Control"] == "no-cache"


def test_nothing_of_it_may_reach_another_host_or_run_inline(built: Path) -> None:
    for path in ("/studio/", "/studio/assets/index-abc.js"):
        headers = client(built).get(path).headers
        assert {name: headers[name] for name in HEADERS} == HEADERS
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def test_hashed_files_are_kept(built: Path) -> None:
    assert "immutable" in client(built).get("/studio/assets/index-abc.js").headers["Cache-Control"]
    assert client(built).get("/studio/assets/none.js").status_code == 404
    assert client(built).get("/studio/%2e%2e/%2e%2e/etc/passwd").status_code == 404


def test_a_service_without_the_page_says_so(tmp_path: Path) -> None:
    answer = client(tmp_path).get("/")
    assert (answer.status_code, answer.text) == (200, f"{NOT_BUILT}\n")
    assert client(tmp_path).get("/studio/").status_code == 404


def test_only_the_page_is_open() -> None:
    assert all(map(is_open, ("/", "/studio", "/studio/", "/studio/assets/x.js")))
    assert not any(map(is_open, ("/v1/songs", "/studiox", "//", "/metrics")))
