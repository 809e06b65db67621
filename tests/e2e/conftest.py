"""A browser for the tests of a module."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.browser import browser_or_skip, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium; skips where there is none."""
    browser_or_skip()
    with chromium() as browser:
        yield browser
