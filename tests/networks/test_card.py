import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akma_core.errors import RequestError
from akma_core.files import sha256_of
from akma_core.networks.card import CARD, WEIGHTS, NetworkCard, read_card, write_card

GOOD: dict[str, Any] = {
    "name": "net",
    "kind": "stylegan3",
    "config": {"z_dim": 8, "w_dim": 8},
    "width": 64,
    "height": 32,
    "weights_sha256": "a" * 64,
}


def card(**fields: Any) -> NetworkCard:
    return NetworkCard.model_validate(GOOD | fields)


def refusal(folder: Path) -> str:
    with pytest.raises(RequestError, match="is not a network card") as caught:
        read_card(folder)
    assert caught.value.field == "model"
    assert caught.value.message.splitlines() == [caught.value.message]
    return caught.value.message


def test_a_card_survives_its_file(tmp_path: Path) -> None:
    full = card(
        classes=3, flavour="R", seeds_top=[1, 2**32 - 1], seeds_bottom=[0], licence="MIT", note="먹 — ink", name='a "b"'
    )
    write_card(tmp_path, full)
    assert read_card(tmp_path) == full
    assert read_card(tmp_path).digest == full.digest


@pytest.mark.parametrize(
    "fields",
    [{"name": "else"}, {"note": "x"}, {"licence": "x"}, {"flavour": "R"}, {"seeds_top": [1]}, {"seeds_bottom": [1]}],
    ids=str,
)
def test_names_and_notes_are_not_in_the_digest(fields: dict[str, Any]) -> None:
    assert card(**fields).digest == card().digest


@pytest.mark.parametrize("fields", [{"weights_sha256": "b" * 64}, {"config": {"z_dim": 9, "w_dim": 8}}], ids=str)
def test_what_decides_a_pixel_is_in_the_digest(fields: dict[str, Any]) -> None:
    assert card(**fields).digest != card().digest


def test_the_order_in_the_file_is_not_in_the_digest() -> None:
    assert card(config={"w_dim": 8, "z_dim": 8}).digest == card().digest


@pytest.mark.parametrize(
    "fields",
    [
        {"width": 0}, {"height": 16385}, {"classes": -1}, {"kind": "gpt"}, {"version": 2}, {"weights_sha256": "A" * 64},
        {"weights_sha256": "a" * 63}, {"seeds_top": [-1]}, {"seeds_bottom": [2**32]}, {"bogus": 1}, {"config": []},
        {"name": None}, {"format": "other"},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_card_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    (tmp_path / CARD).write_text(json.dumps(GOOD))
    read_card(tmp_path)
    (tmp_path / CARD).write_text(json.dumps(GOOD | fields))
    refusal(tmp_path)


@pytest.mark.parametrize("field", sorted(GOOD))
def test_a_card_lacks_nothing(tmp_path: Path, field: str) -> None:
    (tmp_path / CARD).write_text(json.dumps({key: value for key, value in GOOD.items() if key != field}))
    assert "required" in refusal(tmp_path)


@given(st.binary(max_size=40) | st.sampled_from([b"[" * 90_000, b"[]", b"null", b"{}", b'{"name": NaN}']))
def test_junk_is_refused(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    folder = tmp_path_factory.mktemp("junk")
    (folder / CARD).write_bytes(junk)
    refusal(folder)


def test_no_card_or_a_huge_one_is_refused(tmp_path: Path) -> None:
    refusal(tmp_path)
    refusal(tmp_path / "missing")
    with (tmp_path / CARD).open("wb") as file:
        file.truncate((1 << 20) + 1)
    assert "larger" in refusal(tmp_path)


def test_sha256_of(tmp_path: Path) -> None:
    path = tmp_path / WEIGHTS
    path.write_bytes(bytes(300_000))
    assert sha256_of(path) == hashlib.sha256(bytes(300_000)).hexdigest()
