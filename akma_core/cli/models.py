"""`akma models`: networks that --model takes and upscalers that --upscale takes; bring your own."""

import argparse
import tempfile
from pathlib import Path

from akma_core.cli.options import Commands, Parser
from akma_core.errors import RequestError
from akma_core.networks.card import NetworkCard
from akma_core.networks.realesrgan.catalog import UpscalerCard


def add(commands: Commands) -> None:
    """Declare the command."""
    models = commands.add_parser("models", help="networks and upscalers: list, show, import, export")
    verbs = models.add_subparsers(required=True, metavar="VERB", parser_class=Parser)
    listing = verbs.add_parser("list", help="what --model and --upscale take by name")
    listing.set_defaults(run=run_list)
    show = verbs.add_parser("show", help="all about one of them")
    show.add_argument("model", help="name, tag, folder or file")
    show.set_defaults(run=run_show)
    import_network = verbs.add_parser(
        "import",
        help="make a StyleGAN2 or StyleGAN3 file a network of yours",
        description="Read a network as data (nothing in it is run) and keep it under a name. Taken are .pkl files of "
        "stylegan2-ada-pytorch, stylegan3 and their forks, TensorFlow .pkl files of stylegan2 and stylegan2-ada, .pt "
        "files of rosinality's stylegan2-pytorch, and folders that `akma models export` made.",
    )
    import_network.add_argument("file", type=Path, metavar="FILE", help="the file, or a folder with network.json")
    import_network.set_defaults(run=run_import)
    export = verbs.add_parser(
        "export",
        help="write a network as safetensors and JSON, to give to others",
        description="Write network.safetensors and network.json, which `akma models import` takes. A .pkl can run code "
        "where others load it; these cannot.",
    )
    export.add_argument("model", help="name, tag, folder or file")
    export.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="a folder, made if missing")
    export.set_defaults(run=run_export)
    larger = verbs.add_parser(
        "import-upscaler",
        help="make an official Real-ESRGAN .pth an upscaler of yours",
        description="Read an official Real-ESRGAN .pth as data (nothing in it is run) and keep it under a name.",
    )
    larger.add_argument("file", type=Path, metavar="FILE.pth", help="the file, or a .safetensors with the same names")
    larger.add_argument(
        "--with",
        dest="weak",
        type=Path,
        metavar="OTHER.pth",
        help="blend with this one: realesr-general-wdn-x4v3.pth beside realesr-general-x4v3.pth (default: none)",
    )
    larger.add_argument(
        "--denoise",
        type=float,
        metavar="S",
        help="denoise strength, 0 (keeps noise) to 1 (removes it): the share of FILE.pth beside --with (default: none)",
    )
    larger.set_defaults(run=run_import_upscaler)
    for verb in (import_network, larger):
        verb.add_argument("--name", help="small letters, digits and . _ - (default: the file's name)")
        verb.add_argument("--licence", help="whose it is and what it allows, for the card (default: unknown)")
        verb.add_argument("--note", default="", help="anything worth knowing, for the card (default: nothing)")


def run_list(_options: argparse.Namespace) -> None:
    from akma_core import registry
    from akma_core.networks import builtin
    from akma_core.networks.realesrgan.catalog import cards, installed
    from akma_core.storage import default_url, open_storage

    storage = open_storage(default_url())
    for card in [*(builtin.find(name)[1] for name in builtin.names()), *registry.cards(storage)]:
        print(_line(card, card.licence))
    for upscaler in [*cards().values(), *registry.UPSCALERS.cards(storage)]:
        print(_line(upscaler, upscaler.licence if installed(upscaler) else "to be had: pip install akma[x4plus]"))


def run_show(options: argparse.Namespace) -> None:
    from akma_core import registry
    from akma_core.networks.realesrgan.catalog import FOLDER, cards
    from akma_core.storage import default_url, open_storage

    card: NetworkCard | UpscalerCard
    storage = open_storage(default_url())
    if options.model in cards():
        card, folder = cards()[options.model], FOLDER
    elif found := [card for card in registry.UPSCALERS.cards(storage) if card.name == options.model]:
        card, folder = found[0], registry.upscaler_folder(storage, found[0])
    else:
        from runners.model_store import resolve

        folder, card = resolve(options.model)
    for key, value in {**card.model_dump(mode="json"), "digest": card.digest, "folder": str(folder)}.items():
        print(f"{key:<15} {value}")


def run_import(options: argparse.Namespace) -> None:
    from akma_core import registry
    from akma_core.storage import default_url, open_storage
    from runners.device import Device
    from runners.model_store import import_network

    name = registry.check_name(options.name or registry.safe_name(options.file.stem))
    storage = open_storage(default_url())
    card = import_network(storage, options.file, name, options.licence or "", options.note, Device("cpu").stills_of)
    print(_line(card, card.licence))
    print(f"{storage.url(f'models/{card.digest}/{registry.SHEET}')}  what it makes of seeds 0 to 15")


def run_export(options: argparse.Namespace) -> None:
    from akma_core.networks.card import copy_network
    from akma_core.render.output import make_folder
    from runners.model_store import resolve

    folder, card = resolve(options.model)
    make_folder(options.output)
    copy_network(folder, options.output)
    print(f"{options.output}  {_kind(card)}, licence: {card.licence or 'unknown'}")


def run_import_upscaler(options: argparse.Namespace) -> None:
    from akma_core import registry
    from akma_core.networks.realesrgan.convert import convert_pth
    from akma_core.storage import default_url, open_storage

    if (options.weak is None) != (options.denoise is None):
        raise RequestError("--denoise and --with go together: --denoise 0.5 --with realesr-general-wdn-x4v3.pth")
    name = registry.check_name(options.name or registry.safe_name(options.file.stem))
    storage = open_storage(default_url())
    if any(card.name == name for card in registry.cards(storage)):
        raise RequestError(f"{name} is a network of yours: choose another name", code="name_taken", field="name")
    given = {"note": options.note} | ({"licence": options.licence} if options.licence else {})
    if options.weak is not None:
        given |= {"weak": options.weak, "denoise": options.denoise}
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder)
        card = registry.UPSCALERS.add(storage, new, convert_pth(options.file, new, name=name, **given))
    print(_line(card, card.licence))
    print(f"{storage.url(f'upscalers/{card.digest}/{registry.UPSCALERS.card}')}  --upscale {card.name} uses it")


def _line(card: NetworkCard | UpscalerCard, remark: str) -> str:
    return f"{card.name:<24} {_kind(card):<32} {card.digest[:12]}  {remark}"


def _kind(card: NetworkCard | UpscalerCard) -> str:
    if isinstance(card, UpscalerCard):
        return f"{card.architecture}, {card.scale} times larger"
    classes = f", {card.classes} classes" if card.classes else ""
    return f"{card.kind} {card.flavour} {card.width}x{card.height}{classes}"
