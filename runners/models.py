"""Networks of a node: the built-in one, files, and BentoML's model store, filled by digest from storage."""

import os
from pathlib import Path

from akma_core import library
from akma_core.errors import FailureError
from akma_core.networks import catalog
from akma_core.networks.card import CARD, NetworkCard, read_card
from akma_core.storage import Storage, default_url, open_storage


def resolve(model: str) -> tuple[Path, NetworkCard]:
    """Folder and card of a network: its name, its tag, a folder or an official .pkl; RequestError otherwise."""
    if model in catalog.BUILT_IN:
        return catalog.find(model)
    if model.endswith(".pkl"):
        folder = library.converted(Path(model))
        return folder, read_card(folder)
    if "/" in model or (Path(model) / CARD).is_file():
        return catalog.find(model)
    storage = open_storage(default_url())
    card = library.find(storage, model)
    return local_folder(storage, card), card


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
            library.fetch(storage, card, Path(model.path))
        return Path(bentoml.models.get(tag).path)
    except BentoMLException as error:
        try:
            return Path(bentoml.models.get(tag).path)  # another process was faster
        except NotFound:
            raise FailureError(f"BentoML's model store refuses {tag}: {error}", code="write_failed") from None
