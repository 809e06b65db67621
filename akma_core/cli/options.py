"""Options that the commands share: a parser of one-line errors, and options made from the settings."""

import argparse
from collections.abc import Iterable
from typing import Any, NoReturn

from akma_core.errors import RequestError
from akma_core.settings import RenderSettings

Commands = Any  # argparse's collection of subparsers, whose class has no public name


class Parser(argparse.ArgumentParser):
    """argparse with errors of one line, and without abbreviated options: the next release's names would break them."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise RequestError(f"{message} (see {self.prog} --help)", code="bad_arguments")


def add_settings(parser: Parser, names: Iterable[str] = ()) -> None:
    """Options for fields of RenderSettings (all of them by default), with its own words as help."""
    for name, field in RenderSettings.model_fields.items():
        if names and name not in names:
            continue
        option = field.alias or name
        text = field.description or ""
        if field.default is not None and field.annotation is not bool:
            text = f"{text} (default: {field.default})"
        arguments: dict[str, Any] = (
            {"action": "store_true"} if field.annotation is bool else {"metavar": option.upper()}
        )
        flag = "--" + option.replace("_", "-")
        parser.add_argument(
            flag, dest=f"setting_{option}", default=argparse.SUPPRESS, help=text.replace("%", "%%"), **arguments
        )


def settings_of(options: argparse.Namespace) -> RenderSettings:
    """Check the settings that were given; RequestError where they make no sense."""
    return RenderSettings.parse(given(options))


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given, as text."""
    prefix = "setting_"
    return {key.removeprefix(prefix): value for key, value in vars(options).items() if key.startswith(prefix)}
