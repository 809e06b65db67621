"""Signatures of Standard Webhooks 1.0.0 (standardwebhooks.com), as the sender makes and a receiver checks them."""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Mapping, Sequence

PREFIX = "whsec_"
MIN_KEY, MAX_KEY = 16, 64  # bytes behind whsec_; the specification recommends 24 or more
TOLERANCE = 300  # seconds that a receiver's clock may be off


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: whsec_ and base64, or any other text, as it is. ValueError for bad base64."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("should have base64 behind whsec_") from None
    if not MIN_KEY <= len(key) <= MAX_KEY:
        raise ValueError(f"should stand for {MIN_KEY} to {MAX_KEY} bytes behind whsec_")
    return key


def sign(delivery: str, timestamp: str, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Headers of a delivery: a signature for each secret, so that one can take another's place without a gap."""
    signed = " ".join("v1," + _signature(key_of(secret), delivery, timestamp, body) for secret in secrets)
    return {"webhook-id": delivery, "webhook-timestamp": timestamp, "webhook-signature": signed}


def verify_standard(
    secret: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> bool:
    """For receivers: whether `body`, the bytes as they came, was signed with `secret` in the last `tolerance` seconds.

    `headers`: webhook-id, webhook-timestamp and webhook-signature, in any case.

        if not verify_standard("whsec_...", body, request.headers):
            return 401
    """
    found = {name.lower(): value for name, value in headers.items()}
    delivery, timestamp = found.get("webhook-id", ""), found.get("webhook-timestamp", "")
    if not delivery or not re.fullmatch("[0-9]{1,11}", timestamp):
        return False
    if abs((time.time() if now is None else now) - int(timestamp)) > tolerance:
        return False
    expected = _signature(key_of(secret), delivery, timestamp, body).encode()
    given = [each.partition(",") for each in found.get("webhook-signature", "").split(" ")]
    return any(
        version == "v1" and hmac.compare_digest(expected, signature.encode("utf-8", "replace"))
        for version, _, signature in given
    )


def _signature(key: bytes, delivery: str, timestamp: str, body: bytes) -> str:
    signed = f"{delivery}.{timestamp}.".encode("utf-8", "replace") + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
