"""A service under a path of a proxy."""

import re
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akma_core.api.prefix import is_prefix
from akma_core.config import read_environment
from akma_core.errors import RequestError
from tests.support.app import House, keeping


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with keeping(tmp_path_factory.mktemp("proxied"), trust_proxy=True) as made:
        yield made


@pytest.mark.parametrize("stripped", [True, False])
def test_every_link_begins_with_the_prefix(house: House, stripped: bool) -> None:
    said = house.as_("ann") | {"X-Forwarded-Prefix": "/tools/akma/"}
    root = house.url if stripped else f"{house.url}/tools/akma"
    render_id = house.accept()
    links = httpx.get(f"{root}/v1/renders/{render_id}", headers=said).json()["links"]
    assert len(links) > 3
    assert all(link.startswith(f"/tools/akma/v1/renders/{render_id}") for link in links.values())
    assert httpx.get(f"{root}/v1", headers=said).json()["docs"] == "/tools/akma/v1/docs"
    front = httpx.get(root, headers=said)
    assert front.headers.get("Location", "/tools/akma/studio/") == "/tools/akma/studio/"
    assert front.status_code in (200, 307)
    page = httpx.get(f"{root}/v1/docs", headers=said).text
    found = re.findall(r"""["'](/[^"']*(?:v1|assets)/[^"']*)["']""", page)
    assert found
    assert all(link.startswith("/tools/akma/v1/") for link in found)
    schema = httpx.get(f"{root}/v1/openapi.json", headers=said).json()
    assert schema["servers"] == [{"url": "/tools/akma"}]
    assert "servers" not in httpx.get(f"{house.url}/v1/openapi.json").json()


@pytest.mark.parametrize("told", ["//evil.example", "/a/../b", "https://evil", "/a b", "/" + "x" * 70, "/a'><script>"])
def test_what_is_no_path_is_not_believed(house: House, told: str) -> None:
    answer = httpx.get(f"{house.url}/v1", headers={"X-Forwarded-Prefix": told})
    assert answer.json()["docs"] == "/v1/docs"


def test_nobody_is_believed_by_default_and_a_root_path_is_fixed(tmp_path_factory: pytest.TempPathFactory) -> None:
    with keeping(tmp_path_factory.mktemp("fixed"), root_path="/akma") as made:
        said = {"X-Forwarded-Prefix": "/else"}
        for root in (made.url, f"{made.url}/akma"):
            assert httpx.get(f"{root}/v1", headers=said).json()["docs"] == "/akma/v1/docs"
        assert httpx.get(f"{made.url}/akma/v1/renders").status_code == 401


@given(st.text(max_size=40))
def test_no_prefix_leads_elsewhere(text: str) -> None:
    if is_prefix(text):
        assert text.startswith("/")
        assert not text.startswith("//")
        assert not {"", ".", ".."} & set(text[1:].split("/"))


@pytest.mark.parametrize("value", ["akma", "/akma/", "//host", "/a b"])
def test_a_root_path_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AKMA_ROOT_PATH", value)
    with pytest.raises(RequestError, match="AKMA_ROOT_PATH"):
        read_environment()
