"""`akma presets`: the ways in which a picture can move with a song."""

import argparse
import textwrap

from akma_core.cli.options import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    presets = commands.add_parser(
        "presets",
        help="list the presets",
        description="List the presets, one's own in AKMA_HOME/presets too; `show` prints one as a file of one's own.",
    )
    actions = presets.add_subparsers(dest="action", metavar="{show}")
    show = actions.add_parser("show", help="print a preset", description="Print the preset NAME as TOML.")
    show.add_argument("name", metavar="NAME", help="a name from the list, or a .toml file")
    presets.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    from akma_core.modulation.presets import find_preset, preset_names, preset_toml

    if options.action == "show":
        print(preset_toml(find_preset(options.name)), end="")
        return
    for name in preset_names():
        text = textwrap.fill(find_preset(name).description, 96, subsequent_indent=" " * 22)
        print(f"{name:<22}{text}")
