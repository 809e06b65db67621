"""`akma models`: networks that --model takes; bring your own."""

import argparse
import tempfile
from pathlib import Path

from akma_core.commands.arguments import Commands, Parser
from akma_core.networks.card import NetworkCard

SHEET_SEEDS = range(16)


def add(commands: Commands) -> None:
    """Declare the command."""
    models = commands.add_parser("models", help="networks: list, show, import")
    verbs = models.add_subparsers(required=True, metavar="VERB", parser_class=Parser)
    listing = verbs.add_parser("list", help="networks that --model takes by name")
    listing.set_defaults(run=run_list)
    show = verbs.add_parser("show", help="all about one network")
    show.add_argument("model", help="name, tag, folder or .pkl")
    show.set_defaults(run=run_show)
    bring = verbs.add_parser(
        "import",
        help="make an official StyleGAN3 .pkl a network of yours",
        description="Read an official StyleGAN3 .pkl as data (nothing in it is run) and keep it under a name.",
    )
    bring.add_argument("file", type=Path, metavar="NET.pkl", help="the file, or a folder with network.json")
    bring.add_argument("--name", help="small letters, digits and . _ - (default: the file's name)")
    bring.add_argument("--licence", help="whose it is and what it allows, for the card (default: unknown)")
    bring.add_argument("--note", default="", help="anything worth knowing, for the card (default: nothing)")
    bring.set_defaults(run=run_import)


def run_list(_options: argparse.Namespace) -> None:
    from akma_core import library
    from akma_core.networks import catalog
    from akma_core.storage import default_url, open_storage

    known = [catalog.find(name)[1] for name in catalog.names()] + library.cards(open_storage(default_url()))
    for card in known:
        print(f"{card.name:<20} {_kind(card):<32} {card.digest[:12]}  {card.licence}")


def run_show(options: argparse.Namespace) -> None:
    from runners.models import resolve

    folder, card = resolve(options.model)
    for key, value in {**card.model_dump(mode="json"), "digest": card.digest, "folder": str(folder)}.items():
        print(f"{key:<15} {value}")


def run_import(options: argparse.Namespace) -> None:
    import shutil

    from akma_core import library
    from akma_core.networks.card import CARD, WEIGHTS, read_card, write_card
    from akma_core.storage import default_url, open_storage
    from runners.models import local_folder

    name = library.check_name(options.name or library.safe_name(options.file.stem))
    source = options.file if options.file.is_dir() else library.converted(options.file)
    storage = open_storage(default_url())
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder)
        shutil.copyfile(source / WEIGHTS, new / WEIGHTS)
        given = {"name": name, "note": options.note} | ({"licence": options.licence} if options.licence else {})
        write_card(new, read_card(source).model_copy(update=given))
        write_sheet(new)
        card = library.add(storage, new)
        assert (new / CARD).exists()
    local_folder(storage, card)
    print(f"{card.name}  {_kind(card)}  {card.digest[:12]}  {card.licence}")
    print(f"{storage.url(f'models/{card.digest}/{library.SHEET}')}  what it makes of seeds 0 to 15")


def write_sheet(folder: Path) -> None:
    """Put a contact sheet beside the network in `folder`; RequestError where the network does not run."""
    import numpy as np
    import torch

    from akma_core.library import SHEET
    from akma_core.networks.card import read_card
    from akma_core.plan import NetworkPart
    from akma_core.sheet import contact_sheet
    from runners.stylegan3 import StyleGAN3Runner

    card = read_card(folder)
    runner = StyleGAN3Runner(folder, torch.device("cpu"), 1)
    network = NetworkPart(
        name=card.name, digest=card.digest, width=card.width, height=card.height, class_index=0, truncation_psi=1
    )
    pictures = [runner.pictures(runner.mapping(network, [seed]).astype(np.float32))[0].numpy() for seed in SHEET_SEEDS]
    contact_sheet(pictures, [str(seed) for seed in SHEET_SEEDS]).save(folder / SHEET)


def _kind(card: NetworkCard) -> str:
    classes = f", {card.classes} classes" if card.classes else ""
    return f"{card.kind} {card.flavour} {card.width}x{card.height}{classes}"
