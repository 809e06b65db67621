"""`akma seeds`: look at what a network makes of seeds."""

import argparse
from functools import partial
from pathlib import Path

from akma_core.commands.arguments import Commands, add_settings, settings_of
from akma_core.errors import FailureError, RequestError


def add(commands: Commands) -> None:
    """Declare the command."""
    seeds = commands.add_parser(
        "seeds", help="look at seeds", description="Write a PNG for each seed, and a contact sheet."
    )
    seeds.add_argument("--seeds", default="0-15", metavar="LIST", help="seeds such as 3,14,15-18 (default: 0-15)")
    seeds.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for seed0000.png ... and sheet.png; made if missing",
    )
    add_settings(seeds, ("model", "class_index", "truncation_psi", "device"))
    seeds.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    import numpy as np
    from PIL import Image

    from akma_core import parts
    from akma_core.networks import catalog
    from akma_core.plan import NetworkPart
    from akma_core.settings import parse_seeds
    from akma_core.sheet import contact_sheet

    settings = settings_of(options)
    seeds = parse_seeds(options.seeds)
    folder, card = catalog.find(settings.model)
    if settings.class_index >= max(card.classes, 1):
        raise RequestError(
            f"class {settings.class_index} does not exist: the network has {card.classes}", field="class"
        )
    parts.check_folder(options.output / "sheet.png" if options.output.is_dir() else options.output)

    from runners.stylegan3 import StyleGAN3Runner, choose_device, device_part

    device = choose_device(settings.device)
    runner = StyleGAN3Runner(folder, device, 1, device_part(device, card).dtype)
    network = NetworkPart(
        name=card.name, digest=card.digest, width=card.width, height=card.height,
        class_index=settings.class_index, truncation_psi=settings.truncation_psi,
    )  # fmt: skip
    try:
        options.output.mkdir(exist_ok=True)
    except FileExistsError:
        raise RequestError(f"{options.output} is a file: give the name of a folder", field="output") from None
    except OSError as error:
        raise FailureError(f"cannot make folder {options.output}: {error.strerror}", code="write_failed") from None
    pictures = []
    for seed in seeds:
        w = runner.mapping(network, [seed]).astype(np.float32)
        pictures.append(runner.pictures(w)[0].cpu().numpy())
        save = partial(Image.fromarray(pictures[-1]).save, format="PNG")
        parts.write_whole(options.output / f"seed{seed:04d}.png", save)
    sheet = contact_sheet(pictures, [str(seed) for seed in seeds])
    parts.write_whole(options.output / "sheet.png", partial(sheet.save, format="PNG"))
    print(f"{options.output / 'sheet.png'}  {len(seeds)} seeds of {card.name}")
