"""`akma seeds`: look at what a network makes of seeds."""

import argparse
from functools import partial
from pathlib import Path

from akma_core.cli.options import Commands, add_settings, settings_of


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
    seeds.add_argument(
        "--rank",
        action="store_true",
        help="in the order of their measured energy, with the calmest and the liveliest thirds for --seeds-bottom and "
        "--seeds-top (default: as given)",
    )
    add_settings(seeds, ("model", "class_index", "truncation_psi", "noise", "device"))
    seeds.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    from akma_core.errors import RequestError
    from akma_core.files import write_whole
    from akma_core.media.contact_sheet import contact_sheet, thumbnail
    from akma_core.media.energy import energies
    from akma_core.modulation.walk import MIN_SEEDS
    from akma_core.render.output import check_folder, make_folder
    from akma_core.settings import parse_seeds
    from runners.device import Device

    settings = settings_of(options)
    seeds = parse_seeds(options.seeds)
    if options.rank and len(seeds) < 3 * MIN_SEEDS:
        message = f"--rank wants at least {3 * MIN_SEEDS} seeds, four for each third: give --seeds 0-63"
        raise RequestError(message, code="bad_setting", field="seeds")
    check_folder(options.output / "sheet.png" if options.output.is_dir() else options.output)
    pictures = Device(settings.device).stills(settings, seeds)
    small: list[NDArray[np.uint8]] = []
    for seed, picture in zip(seeds, pictures, strict=True):
        if not small:
            make_folder(options.output)
        save = partial(Image.fromarray(picture).save, format="PNG")
        write_whole(options.output / f"seed{seed:04d}.png", save)
        small.append(thumbnail(picture))
    labels = [str(seed) for seed in seeds]
    if options.rank:
        energy = energies(small)
        order = np.argsort(energy, kind="stable").tolist()
        small, labels = [small[k] for k in order], [f"{seeds[k]}: {energy[k]:.2f}" for k in order]
        third = len(seeds) // 3
        for option, chosen in (("bottom", order[:third]), ("top", order[-third:])):
            print(f"--seeds-{option} {','.join(str(seeds[k]) for k in sorted(chosen))}")
    sheet = contact_sheet(small, labels)
    write_whole(options.output / "sheet.png", partial(sheet.save, format="PNG"))
    print(f"{options.output / 'sheet.png'}  {len(seeds)} seeds of {settings.model}")
