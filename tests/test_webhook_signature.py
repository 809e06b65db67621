"""Signatures of webhooks, as a receiver checks them."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from akma_core.webhook import verify
from tests.test_webhook import SECRET


def test_verify() -> None:
    signature = "v1=" + hmac.new(SECRET, b"1000.{}", hashlib.sha256).hexdigest()
    assert verify(SECRET, b"{}", "1000", signature, now=1000)
    assert verify(SECRET, b"{}", "1000", signature, now=1300)
    assert verify(SECRET, b"{}", "1000", signature, now=700)
    assert not verify(SECRET, b"{}", "1000", signature, now=1301)
    assert not verify(SECRET, b"{}", "1000", signature, now=699)
    assert not verify(SECRET, b"{ }", "1000", signature, now=1000)
    assert not verify(SECRET, b"{}", "1001", signature, now=1000)
    assert not verify(b"other", b"{}", "1000", signature, now=1000)
    assert not verify(SECRET, b"{}", "1000", signature.removeprefix("v1="), now=1000)


@given(st.binary(max_size=20), st.text(max_size=20), st.text(max_size=80))
def test_verify_takes_anything(body: bytes, timestamp: str, signature: str) -> None:
    assert not verify(SECRET, body, timestamp, signature)
