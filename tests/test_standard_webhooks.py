"""Signatures of Standard Webhooks, by its own example and by what a receiver may be sent."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akma_core.standard_webhooks import key_of, sign, verify_standard

# The specification's example, as its reference libraries test it.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, TIMESTAMP, BODY = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
NOW = 1614265330.0


def headers(signature: str = SIGNATURE) -> dict[str, str]:
    return {"Webhook-Id": ID, "Webhook-Timestamp": TIMESTAMP, "Webhook-Signature": signature}


def test_the_specifications_example() -> None:
    made = sign(ID, TIMESTAMP, BODY, [SECRET])
    assert made == {"webhook-id": ID, "webhook-timestamp": TIMESTAMP, "webhook-signature": SIGNATURE}
    assert verify_standard(SECRET, BODY, made, now=NOW)


def test_each_of_several_secrets_verifies() -> None:
    others = ["whsec_" + base64.b64encode(bytes([k]) * 32).decode() for k in (1, 2)] + ["a secret without a prefix"]
    made = sign(ID, TIMESTAMP, BODY, others)
    assert made["webhook-signature"].count("v1,") == 3
    assert all(verify_standard(secret, BODY, made, now=NOW) for secret in others)
    assert not verify_standard(SECRET, BODY, made, now=NOW)


def test_nothing_else_verifies() -> None:
    assert verify_standard(SECRET, BODY, headers(f"v1a,xyz v1,abc {SIGNATURE}"), now=NOW)
    assert not verify_standard(SECRET, BODY + b" ", headers(), now=NOW)
    assert not verify_standard(SECRET, BODY, headers() | {"Webhook-Id": "another"}, now=NOW)
    assert not verify_standard(SECRET, BODY, headers(SIGNATURE.replace("v1,", "v2,")), now=NOW)
    assert not verify_standard(SECRET, BODY, headers(SIGNATURE.removeprefix("v1,")), now=NOW)
    assert not verify_standard(SECRET, BODY, headers(), now=NOW + 301)
    assert not verify_standard(SECRET, BODY, headers(), now=NOW - 301)
    assert not verify_standard(SECRET, BODY, {}, now=NOW)


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text(max_size=50)))
def test_a_receiver_takes_anything(sent: dict[str, str]) -> None:
    assert not verify_standard(SECRET, BODY, sent)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_?", "whsec_AAAA", "whsec_" + "A" * 100])
def test_a_bad_secret_is_told(secret: str) -> None:
    with pytest.raises(ValueError, match="behind whsec_"):
        key_of(secret)
