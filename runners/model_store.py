"""Networks of a node: the built-in one, files, and BentoML's model store, filled by digest from storage."""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akma_core import registry
from akma_core.errors import FailureError
from akma_core.media.contact_sheet import contact_sheet
from akma_core.networks.card import CARD, WEIGHTS, NetworkCard, read_card, write_card
from akma_core.storage import Storage

SHEET_SEEDS = range(16)
Stills = Callable[[Path, Sequence[int]], list[NDArray[np.uint8]]]
"""Folder of a network, seeds -> a picture [H, W, 3] of each."""


def resolve(model: str) -> tuple[Path, NetworkCard]:
    """As registry.resolve, in the node's model store."""
    return registry.resolve(model, local_folder)


def import_network(storage: Storage, source: Path, name: str, licence: str, note: str, stills: Stills) -> NetworkCard:
    """Keep the network in a file, or in a folder of AKMA's format, under a name; empty words leave the card's own.

    `stills` makes the contact sheet's pictures of a folder. RequestError where it is no network, or the name is taken.
    """
    registry.check_name(name)
    if source.name in (CARD, WEIGHTS) and (source.parent / CARD).is_file():
        source = source.parent
    source = source if source.is_dir() else registry.converted(source)
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder)
        shutil.copyfile(source / WEIGHTS, new / WEIGHTS)
        words = {key: value for key, value in (("licence", licence), ("note", note)) if value}
        write_card(new, read_card(source).model_copy(update={"name": name, **words}))
        contact_sheet(stills(new, SHEET_SEEDS), [str(seed) for seed in SHEET_SEEDS]).save(new / registry.SHEET)
        card = registry.add(storage, new)
    local_folder(storage, card)
    return card


def local_folder(storage: Storage, card: NetworkCard) -> Path:
    """The network in BentoML's model store, under `name:digest`, copied there from storage where it is missing."""
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "True")  # BentoML reports the use of its store otherwise
    import bentoml
    from bentoml.exceptions import BentoMLException, NotFound

    tag = f"{card.name}:{card.digest[:16]}"
    try:
        return Path(bentoml.models.get(tag).path)
    except NotFound:
        pass
    try:
        with bentoml.models.create(
            tag,
            labels={"framework": "akma", "kind": card.kind},
            metadata={"digest": card.digest, "resolution": card.width, "licence": card.licence},
        ) as model:
            registry.fetch(storage, card, Path(model.path))
        return Path(bentoml.models.get(tag).path)
    except BentoMLException as error:
        try:
            return Path(bentoml.models.get(tag).path)  # another process was faster
        except NotFound:
            raise FailureError(f"BentoML's model store refuses {tag}: {error}", code="write_failed") from None
