"""Authenticators of tests: with keys, and without."""

from typing import Any

import pytest

from akma_core.api.auth import Authenticator
from akma_core.config import parse_keys
from akma_core.errors import RequestError

SECRET = "correct-horse-battery"
ADMIN = "an:admin:secret/with=signs"
KEYS = parse_keys(f"ana:user:{SECRET},root:admin:{ADMIN}")
LINKS = b"sixteen bytes or more"
LOCAL = {"host": "localhost:3000"}


def keyed(clock: float = 1000.0) -> Authenticator:
    return Authenticator(KEYS, LINKS, clock=lambda: clock)


def keyless() -> Authenticator:
    return Authenticator((), LINKS)


def refused(call: Any, *arguments: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        call(*arguments)
    assert "\n" not in caught.value.message
    return caught.value
