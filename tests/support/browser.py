"""Chromium for tests of the page: what it logs, whom it asks, and axe-core's findings."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ROOT = Path(__file__).parents[2]
AXE = ROOT / "studio/node_modules/axe-core/axe.min.js"
BUILT = ROOT / "akma_core/api/static/index.html"
WAIT = 60_000  # milliseconds: machines that run tests are busy
KEPT = "localStorage.getItem('akma.document')"
AWAY = ("ERR_CONNECTION", "ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_SOCKET_NOT_CONNECTED")


def browser_or_skip() -> None:
    """Skip where there is no Chromium, no Playwright, or no built page."""
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip("no Chromium here: apt-get install chromium")
    if not BUILT.is_file():
        pytest.skip("the studio is not built: make studio")


class Page:
    """A page of the studio and what is wrong with it."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.errors: list[str] = []
        self.strangers: set[str] = set()
        page.set_default_timeout(WAIT)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("blob", "data") and parts.netloc != urlsplit(self.url).netloc:
            self.strangers.add(request.url)

    def open(self) -> None:
        self.page.goto(f"{self.url}/")
        self.page.get_by_role("tab", name="Song").wait_for()

    def part(self, name: str) -> None:
        self.page.get_by_role("tab", name=name, exact=True).click()

    def button(self, name: str) -> Any:
        return self.page.get_by_role("button", name=name)

    def document(self) -> dict[str, Any]:
        """What the page edits, as it is kept in the browser."""
        found: dict[str, Any] = json.loads(self.page.evaluate(KEPT))
        return found

    @property
    def settings(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document()["settings"]
        return found

    def wait(self, expression: str, *, seconds: float = WAIT / 1000) -> None:
        """Until the page's JavaScript `expression` is true. Playwright's own way is eval, which the page forbids."""
        end = time.monotonic() + seconds
        while not self.page.evaluate(expression):
            assert time.monotonic() < end, f"still not so: {expression}; settings {self.page.evaluate(KEPT)}"
            self.page.wait_for_timeout(30)

    def wait_settings(self, expression: str) -> None:
        """Until `expression` of the document's settings `s` is true."""
        self.wait(f"(() => {{ const s = JSON.parse({KEPT}).settings; return {expression}; }})()")

    def take_demo_song(self) -> None:
        self.button("Try the demo song").click()
        self.page.get_by_text("This song").wait_for()
        self.page.get_by_text("Heard").wait_for()

    def check_clean(self, *, was_away: bool = False, without_key: bool = False) -> None:
        """No console error, no other host. The browser itself logs that the service was away, or wanted a key.

        It also logs that no worker had the time for the picture of a seed, which the page asks for again.
        """
        known = AWAY * was_away + ("401 (Unauthorized)",) * without_key
        errors = [each for each in self.errors if not any(word in each for word in known)]
        errors = [each for each in errors if not ("status of 504" in each and "/seeds/" in each)]
        assert errors == [], errors
        assert self.strangers == set(), self.strangers

    def check_accessible(self) -> None:
        """axe-core finds nothing serious. Its script is evaluated, not inserted: the page's policy allows none."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        grave = [
            (each["id"], [node["html"][:200] for node in each["nodes"]])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]
        assert grave == []

    def check_width(self) -> None:
        """Nothing sticks out to the right."""
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium, the machine's own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield browser
        browser.close()


@contextmanager
def studio(browser: Any, url: str, *, width: int = 1440, height: int = 900, dark: bool = True) -> Iterator[Page]:
    """The studio of the service at `url` in a fresh profile."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        accept_downloads=True,
        has_touch=width < 500,
    )
    page = Page(context.new_page(), url)
    page.open()
    yield page
    context.close()
