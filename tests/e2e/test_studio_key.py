"""The studio of a service that wants keys, by itself and under a path of a proxy, in a real Chromium."""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.browser import Page, browser_or_skip, studio
from tests.support.proxy import proxy
from tests.support.serving import Service, serving

KEY = "ann-0123456789abcdef"
PATIENCE = 240.0  # seconds for what a worker makes


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, network: Path) -> Iterator[Service]:
    browser_or_skip()
    home = tmp_path_factory.mktemp("key") / "home"
    with serving(home, AKMA_API_KEYS=f"ann:user:{KEY}", AKMA_TRUST_PROXY="true") as service:
        service.import_network(network)
        yield service


def give(page: Page, key: str) -> None:
    page.page.get_by_label(re.compile("API key")).fill(key)
    page.button("Go on").click()


@pytest.mark.parametrize("way", ["direct", "strips", "leaves"])
def test_everything_works_with_a_key(browser: Any, service: Service, way: str) -> None:
    shown = nullcontext(service.url) if way == "direct" else proxy(service.url, "/at/akma", strips=way == "strips")
    with shown as url, studio(browser, url) as page:
        asked: set[str] = set()
        answers: set[tuple[str, int]] = set()
        page.page.on("request", lambda request: asked.add(urlsplit(request.url).path))
        page.page.on("response", lambda answer: answers.add((urlsplit(answer.url).path, answer.status)))
        give(page, "ann-of-another-service")
        page.page.get_by_text("does not know this API key").wait_for()
        give(page, KEY)
        page.page.get_by_label(re.compile("API key")).wait_for(state="detached")
        answers.clear()
        page.take_demo_song()
        page.page.get_by_role("button", name="Play").click()  # the song by its signed link
        page.wait("Number(document.querySelector('.cursor-handle').getAttribute('aria-valuenow')) > 0.1")
        page.page.get_by_role("button", name="Pause").click()
        page.part("Beats")
        with page.page.expect_download() as download:
            page.button("EDL").click()
        assert "TITLE" in Path(download.value.path()).read_text()
        page.part("Look")
        page.page.locator(".card", has_text="tiny").click()
        page.part("Render")
        for label, value in (("Frames a second", "12"), ("Duration, as a number", "2")):
            page.page.get_by_label(label, exact=True).fill(value)
            page.page.keyboard.press("Tab")
        page.button("Render the video").click()
        link = page.page.get_by_role("link", name=re.compile("^Download the video"))
        link.wait_for(timeout=1000 * PATIENCE)
        with page.page.expect_download() as download:
            link.click()
        assert Path(download.value.path()).read_bytes()[4:8] == b"ftyp"
        page.wait("document.querySelector('.renders .poster img')?.naturalWidth > 0")
        page.page.reload()
        page.page.get_by_text("This song").or_(page.page.get_by_role("heading", name="Render", exact=True)).wait_for()
        page.wait_settings("s.model === 'tiny' && s.duration === 2")
        assert page.page.get_by_label(re.compile("API key")).count() == 0
        # 504: no worker had the time for a picture of a seed.
        assert [each for each in answers if each[1] >= 400 and each[1] != 504] == []
        assert any("/seeds/" in path for path in asked)
        assert [path for path in asked if path.startswith("/") and not path.startswith(urlsplit(url).path)] == []
        page.check_clean(without_key=True)


def test_another_tab_is_asked_anew(browser: Any, service: Service) -> None:
    with studio(browser, service.url) as page:
        give(page, KEY)
        page.page.get_by_label(re.compile("API key")).wait_for(state="detached")
        other = Page(page.page.context.new_page(), service.url)
        other.open()
        other.page.get_by_label(re.compile("API key")).wait_for()
        assert KEY not in other.page.evaluate("JSON.stringify(localStorage)")
