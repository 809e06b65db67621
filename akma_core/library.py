"""Imported networks: canonical in storage under `models/DIGEST/`, so that every node has them.

`network.json`, the card, is written last: a network is there when its card is. `sheet.png` shows what it makes.
"""

import re
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from akma_core.errors import FailureError, RequestError
from akma_core.home import home
from akma_core.networks import catalog
from akma_core.networks.card import CARD, WEIGHTS, NetworkCard, read_card, sha256_of
from akma_core.networks.stylegan3.convert import convert_pkl
from akma_core.storage import Storage

SHEET = "sheet.png"
NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,60}[a-z0-9])?")
MAX_CARD = 1 << 20  # bytes
SHORT = 12  # characters of a digest that name a network


def check_name(name: str) -> str:
    """`name` if a network may have it; RequestError otherwise."""
    if not NAME.fullmatch(name) or name in catalog.BUILT_IN or name.endswith(".pkl"):
        message = f"a network cannot be named {name[:80]!r}: use small letters, digits and . _ - (up to 62), not ink"
        raise RequestError(message, code="bad_name", field="name")
    return name


def add(storage: Storage, folder: Path) -> NetworkCard:
    """Keep the network in `folder`; again is no harm. RequestError where its name is another network's."""
    card = read_card(folder)
    check_name(card.name)
    for other in cards(storage):
        if other.name == card.name and other.digest != card.digest:
            message = f"{card.name} is another network already ({other.digest[:12]}): choose another name"
            raise RequestError(message, code="name_taken", field="name")
    prefix = f"models/{card.digest}"
    storage.put_file(f"{prefix}/{WEIGHTS}", folder / WEIGHTS)
    if (folder / SHEET).exists():
        storage.put_file(f"{prefix}/{SHEET}", folder / SHEET)
    storage.put_file(f"{prefix}/{CARD}", folder / CARD)
    return card


def cards(storage: Storage) -> list[NetworkCard]:
    """All imported networks by name; what is not a card of this version is passed over."""
    found = []
    for entry in storage.list("models/"):
        if entry.key.endswith(f"/{CARD}") and entry.size <= MAX_CARD:
            with suppress(ValidationError):
                card = NetworkCard.model_validate_json(storage.get_bytes(entry.key))
                if entry.key == f"models/{card.digest}/{CARD}":
                    found.append(card)
    return sorted(found, key=lambda card: card.name)


def find(storage: Storage, model: str) -> NetworkCard:
    """A network by name, by `name:digest` (a tag) or by digest, 12 characters or more of it; RequestError otherwise."""
    known = cards(storage)
    name, colon, digest = model.partition(":")
    for card in known:
        if name == card.name and (not colon or (len(digest) >= SHORT and card.digest.startswith(digest))):
            return card
        if not colon and len(name) >= SHORT and card.digest.startswith(name):
            return card
    names = ", ".join([*catalog.names(), *(card.name for card in known)])
    message = f"unknown model {model[:80]!r}: give a name ({names}), a .pkl file or a folder with {CARD}"
    raise RequestError(message, code="unknown_model", field="model")


def fetch(storage: Storage, card: NetworkCard, folder: Path) -> None:
    """Copy a network into the existing `folder`; FailureError where it comes damaged."""
    for name in (WEIGHTS, CARD):
        storage.get_file(f"models/{card.digest}/{name}", folder / name)
    if sha256_of(folder / WEIGHTS) != card.weights_sha256:
        raise FailureError(f"network {card.name} is damaged in storage: import it again", code="damaged_network")


def converted(pkl: Path) -> Path:
    """Folder of an official .pkl in AKMA's format, kept in AKMA_HOME under the file's digest from the first time on."""
    cache = home() / "cache" / "networks"
    if not pkl.is_file():
        raise RequestError(f"model {pkl} is not a file", code="unknown_model", field="model")
    folder = cache / sha256_of(pkl)
    if (folder / CARD).exists():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=cache, prefix=".new-"))
        try:
            convert_pkl(pkl, new, name=safe_name(pkl.stem))
            new.rename(folder)
        except OSError:
            if not (folder / CARD).exists():  # else another process was faster
                raise
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise FailureError(f"cannot write to {cache}: {error.strerror}; set AKMA_HOME", code="write_failed") from None
    return folder


def safe_name(text: str) -> str:
    """`text` made a name: "My Net" is "my-net"."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:62].strip("-._") or "network"
