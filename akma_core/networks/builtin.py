"""Networks that AKMA carries, and folders on disk. No torch here."""

from pathlib import Path

from akma_core.errors import RequestError

from .card import CARD, NetworkCard, read_card

BUILT_IN = {name: Path(__file__).parent / name.replace("-", "_") for name in ("ink", "sea", "east-sea", "dunes")}


def find(model: str) -> tuple[Path, NetworkCard]:
    """Folder and card of a network by name or path; RequestError where there is none."""
    if model in BUILT_IN:
        folder = BUILT_IN[model]
        return folder, read_card(folder)
    path = Path(model)
    folder = path.parent if path.name == CARD else path
    try:
        known = (folder / CARD).is_file()
    except (OSError, ValueError):
        known = False
    if not known:
        names = ", ".join(BUILT_IN)
        message = f"unknown model {model[:80]!r}: give a name ({names}) or a folder with {CARD}"
        raise RequestError(message, code="unknown_model", field="model")
    # A training replaces its network by moving a link: followed once, so that card and weights are of one checkpoint.
    folder = folder.resolve() if folder.is_symlink() else folder
    return folder, read_card(folder)


def names() -> list[str]:
    """Networks that can be asked for by name."""
    return sorted(BUILT_IN)
