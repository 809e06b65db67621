"""Registry of imported networks and upscalers, canonical in storage, so that every node has them.

Each is a folder by its digest, `models/DIGEST/` or `upscalers/DIGEST/`, in which the card is written last: it is there
when its card is. `sheet.png` shows what a network makes.
"""

import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from akma_core.errors import FailureError, RequestError
from akma_core.files import sha256_of
from akma_core.home import home
from akma_core.networks import builtin, kinds
from akma_core.networks.card import CARD, WEIGHTS, NetworkCard, read_card
from akma_core.networks.realesrgan import catalog as realesrgan
from akma_core.networks.realesrgan.catalog import UpscalerCard
from akma_core.storage import Storage, default_url, open_storage

SHEET = "sheet.png"
NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,60}[a-z0-9])?")
FILES = tuple({*kinds.SUFFIXES, *realesrgan.SUFFIXES})  # what ends so is a path
RESERVED = (*builtin.BUILT_IN, *realesrgan.cards(), "none")
MAX_CARD = 1 << 20  # bytes
SHORT = 12  # characters of a digest that name a network
Card = TypeVar("Card", NetworkCard, UpscalerCard)


def check_name(name: str) -> str:
    """`name` if something imported may have it; RequestError otherwise."""
    if not NAME.fullmatch(name) or name in RESERVED or name.endswith(FILES):
        message = f"{name[:80]!r} cannot be a name: use small letters, digits and . _ - (up to 62), no built-in one"
        raise RequestError(message, code="bad_name", field="name")
    return name


def matches(card: NetworkCard | UpscalerCard, wish: str) -> bool:
    """True where `wish` is its name, its `name:digest`, or its digest; of a digest 12 characters or more."""
    name, colon, digest = wish.partition(":")
    if colon:
        return name == card.name and len(digest) >= SHORT and card.digest.startswith(digest)
    return name == card.name or (len(name) >= SHORT and card.digest.startswith(name))


@dataclass(frozen=True)
class Registry(Generic[Card]):
    """The imported ones of a kind, in storage."""

    kind: type[Card]
    prefix: str
    card: str
    """File names, of the card and of the weights that it vouches for."""
    weights: str
    word: str
    field: str
    """Word that people call one by, and the setting that takes its name."""
    built_in: tuple[str, ...]
    also: str
    """Other values that the setting takes."""

    def add(self, storage: Storage, folder: Path, card: Card) -> Card:
        """Keep what is in `folder`; again is no harm. RequestError where its name is taken, or it has another."""
        check_name(card.name)
        for other in self.cards(storage):
            if other.name == card.name and other.digest != card.digest:
                message = f"{card.name} is another network already ({other.digest[:SHORT]}): choose another name"
                raise RequestError(message, code="name_taken", field="name")
            if other.digest == card.digest and other.name != card.name:
                message = f"this {self.word} is here already, as {other.name}: use that name, or delete it first"
                raise RequestError(message, code="name_taken", field="name")
        for name in (self.weights, SHEET, self.card):
            if name != SHEET or (folder / SHEET).exists():
                storage.put_file(f"{self.prefix}/{card.digest}/{name}", folder / name)
        return card

    def remove(self, storage: Storage, card: Card) -> None:
        """Remove one; the card goes first, so that what is left if this stops half-way is none."""
        storage.delete(f"{self.prefix}/{card.digest}/{self.card}")
        storage.delete_prefix(f"{self.prefix}/{card.digest}/")

    def cards(self, storage: Storage) -> list[Card]:
        """All of them by name; what is not a card of this version is passed over."""
        found = []
        for entry in storage.list(f"{self.prefix}/"):
            if entry.key.endswith(f"/{self.card}") and entry.size <= MAX_CARD:
                with suppress(ValidationError):
                    card = self.kind.model_validate_json(storage.get_bytes(entry.key))
                    if entry.key == f"{self.prefix}/{card.digest}/{self.card}":
                        found.append(card)
        return sorted(found, key=lambda card: card.name)

    def find(self, storage: Storage, wish: str) -> Card:
        """One by name, by `name:digest` (a tag) or by digest, 12 characters or more of it; RequestError otherwise."""
        known: list[Card] = self.cards(storage)
        for card in known:
            if matches(card, wish):
                return card
        names = ", ".join([*self.built_in, *(card.name for card in known)])
        message = f"unknown {self.word} {wish[:80]!r}: give a name ({names}), {self.also}"
        raise RequestError(message, code="unknown_model", field=self.field)

    def fetch(self, storage: Storage, card: Card, folder: Path) -> None:
        """Copy one into the existing `folder`; FailureError where it comes damaged."""
        for name in (self.weights, self.card):
            storage.get_file(f"{self.prefix}/{card.digest}/{name}", folder / name)
        if sha256_of(folder / self.weights) != card.weights_sha256:
            raise FailureError(f"network {card.name} is damaged in storage: import it again", code="damaged_network")


NETWORKS = Registry(
    kind=NetworkCard,
    prefix="models",
    card=CARD,
    weights=WEIGHTS,
    word="model",
    field="model",
    built_in=tuple(builtin.names()),
    also=f"a network's file ({', '.join(kinds.SUFFIXES)}) or a folder with {CARD}",
)
UPSCALERS = Registry(
    kind=UpscalerCard,
    prefix="upscalers",
    card=realesrgan.CARD,
    weights=realesrgan.WEIGHTS,
    word="upscaler",
    field="upscale",
    built_in=tuple(realesrgan.cards()),
    also="or a .pth file",
)
cards, find, fetch = NETWORKS.cards, NETWORKS.find, NETWORKS.fetch


def resolve(model: str, local: Callable[[Storage, NetworkCard], Path]) -> tuple[Path, NetworkCard]:
    """Folder and card of a network: its name, its tag, a folder or a file; RequestError otherwise.

    `local` brings one from storage to this machine.
    """
    if model in builtin.BUILT_IN:
        return builtin.find(model)
    if model.lower().endswith(kinds.SUFFIXES):
        folder = converted(Path(model))
        return folder, read_card(folder)
    if "/" in model or (Path(model) / CARD).is_file():
        return builtin.find(model)
    storage = open_storage(default_url())
    card = NETWORKS.find(storage, model)
    return local(storage, card), card


def add(storage: Storage, folder: Path) -> NetworkCard:
    """Keep the network in `folder`: see Registry.add."""
    return NETWORKS.add(storage, folder, read_card(folder))


def converted(file: Path) -> Path:
    """Folder of somebody's network file in AKMA's format, kept in AKMA_HOME under the file's digest from then on."""
    if not file.is_file():
        raise RequestError(f"model {file} is not a file", code="unknown_model", field="model")
    name = safe_name(file.stem)
    return _cached("networks", sha256_of(file), CARD, lambda new: kinds.convert(file, new, name=name))


def upscaler_folder(storage: Storage, card: UpscalerCard) -> Path:
    """Folder of an imported upscaler, copied to AKMA_HOME from storage where it is missing."""
    return _cached("upscalers", card.digest, UPSCALERS.card, lambda new: UPSCALERS.fetch(storage, card, new))


def _cached(kind: str, name: str, last: str, make: Callable[[Path], object]) -> Path:
    """The folder `name` in AKMA_HOME's cache, which `make(empty folder)` fills once; whole when `last` is in it."""
    cache = home() / "cache" / kind
    folder = cache / name
    if (folder / last).exists():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=cache, prefix=".new-"))
        try:
            make(new)
            new.rename(folder)
        except OSError:
            if not (folder / last).exists():  # else another process was faster
                raise
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as error:
        raise FailureError(f"cannot write to {cache}: {error.strerror}; set AKMA_HOME", code="write_failed") from None
    return folder


def safe_name(text: str) -> str:
    """`text` made a name: "My Net" is "my-net"."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:62].strip("-._") or "network"
