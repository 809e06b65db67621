"""A network in AKMA's own format: a folder with `network.json` (the card) and `network.safetensors` (the weights).

The card says all that planning a render needs, so that neither torch nor the weights are read before a device is.
"""

import hashlib
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from akma_core.errors import RequestError
from akma_core.files import sha256_of, write_whole

from . import KINDS

CARD, WEIGHTS = "network.json", "network.safetensors"
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]


def _registered(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"unknown kind of network {kind!r}: this AKMA knows {', '.join(KINDS)}")
    return kind


class NetworkCard(BaseModel):
    """Description of a network. Frozen; unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["akma-network"] = "akma-network"
    version: Literal[1] = 1
    name: str
    kind: Annotated[str, Field(pattern="^[a-z0-9]{1,40}$"), AfterValidator(_registered)]
    config: dict[str, Any]
    """Constructor arguments of the network's own configuration class."""
    width: Annotated[int, Field(ge=1, le=16384)]
    """Width of a picture, in pixels."""
    height: Annotated[int, Field(ge=1, le=16384)]
    classes: Annotated[int, Field(ge=0)] = 0
    """Number of classes; 0 for an unconditional network."""
    flavour: str = ""
    """Variant of the kind, for people: "T" or "R"."""
    weights_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    seeds_top: tuple[Seed, ...] = ()
    """Seeds chosen by eye for the loud walk; empty: any."""
    seeds_bottom: tuple[Seed, ...] = ()
    """Seeds chosen by eye for the quiet walk; empty: any."""
    canvas: Literal["wide", "square"] | None = None
    """Its pictures beyond the square: more of the same (wide), or nothing, as with faces (square); None: unknown."""
    licence: str = ""
    note: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides a pixel: kind, configuration and weights; not of names and notes."""
        decisive = {"kind": self.kind, "config": self.config, "weights": self.weights_sha256}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def read_card(folder: Path) -> NetworkCard:
    """The card in `folder`; RequestError where there is none or it is not one."""
    path = folder / CARD
    try:
        if path.stat().st_size > 1 << 20:
            raise ValueError("larger than a card can be")
        return NetworkCard.model_validate_json(path.read_bytes())
    except (OSError, ValueError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise RequestError(f"{path} is not a network card ({reason})", code="bad_network", field="model") from None


def write_card(folder: Path, card: NetworkCard) -> None:
    text = json.dumps(card.model_dump(mode="json"), indent=1)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")


def copy_network(folder: Path, target: Path) -> None:
    """Copy the network in `folder` into the existing folder `target`, the card last.

    RequestError where `target` has another network in it, FailureError where it cannot be written.
    """
    if (target / CARD).exists() and read_card(target).digest != read_card(folder).digest:
        message = f"{target} has another network in it: choose another folder"
        raise RequestError(message, code="output_exists", field="output")
    for name in (WEIGHTS, CARD):
        write_whole(target / name, partial(shutil.copyfile, folder / name))


def describe(folder: Path, kind: str, config: dict[str, Any], size: tuple[int, int], **facts: Any) -> NetworkCard:
    """Write and return the card of the weights in `folder`; `size`: width, height; `facts`: the card's other fields."""
    (folder / WEIGHTS).chmod(0o644)  # safetensors writes files that only their owner may read
    width, height = size
    sha256 = sha256_of(folder / WEIGHTS)
    card = NetworkCard(kind=kind, config=config, width=width, height=height, weights_sha256=sha256, **facts)
    write_card(folder, card)
    return card
