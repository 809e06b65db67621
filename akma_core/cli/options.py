"""Options that the commands share: a parser of one-line errors, and options made from the settings."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from akma_core.errors import RequestError
from akma_core.modulation.features import NAME
from akma_core.settings import RenderSettings

FILES = ("hits",)  # given as files
ELSEWHERE = ("curves",)  # given by options that are no settings
REPEATED = {"modulation": "--modulate", "keys": "--keyframe"}  # given once for each row or key

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
        if name in ELSEWHERE or (names and name not in names):
            continue
        option = field.alias or name
        text = field.description or ""
        if field.default not in (None, ()) and field.annotation is not bool:
            text = f"{text} (default: {field.default})"
        arguments: dict[str, Any] = (
            {"action": "store_true"} if field.annotation is bool else {"metavar": option.upper()}
        )
        flag = "--" + option.replace("_", "-")
        if name in FILES:
            arguments["metavar"] = "FILE"
        if name in REPEATED:
            flag, arguments = REPEATED[name], {"action": "append", "metavar": flag[2:].upper()}
        parser.add_argument(
            flag, dest=f"setting_{option}", default=argparse.SUPPRESS, help=text.replace("%", "%%"), **arguments
        )


def add_files(parser: Parser) -> None:
    """Options for stems and curves of one's own."""
    parser.add_argument(
        "--stem",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="a part of the song by itself, such as drums=drums.wav, for rows such as 'kick@drums -> pull'; repeatable",
    )
    add_curves(parser)


def add_curves(parser: Parser) -> None:
    """The option for curves of one's own."""
    parser.add_argument(
        "--curve",
        action="append",
        default=[],
        metavar="NAME=FILE",
        help="a curve or a list of events (CSV, JSON), for rows such as 'file:NAME -> walk.blend'; repeatable",
    )


def named_files(options: argparse.Namespace) -> dict[str, Path]:
    """stem:NAME and curve:NAME -> path of what was given; RequestError where one is not NAME=FILE."""
    files: dict[str, Path] = {}
    for kind in ("stem", "curve"):
        for text in getattr(options, kind, []):
            name, equals, path = text.partition("=")
            if not NAME.fullmatch(name) or not equals or not path:
                message = f"--{kind} should be NAME=FILE, such as {kind}s=song-{kind}.wav, not {text[:60]!r}"
                raise RequestError(message, code="bad_arguments", field=kind)
            if f"{kind}:{name}" in files:
                raise RequestError(f"--{kind} {name} is given twice", code="bad_arguments", field=kind)
            files[f"{kind}:{name}"] = Path(path)
    return files


def settings_of(options: argparse.Namespace) -> RenderSettings:
    """Check the settings that were given; RequestError where they make no sense."""
    return RenderSettings.parse(given(options))


def given(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given, as text."""
    prefix = "setting_"
    found = {key.removeprefix(prefix): value for key, value in vars(options).items() if key.startswith(prefix)}
    return {name: _read(name, value) if name in FILES else value for name, value in found.items()}


def _read(name: str, path: str) -> str:
    """Content of a setting's file, as the setting's text."""
    from akma_core.modulation.edited_hits import plain
    from akma_core.modulation.hit_files import read_hits

    assert name == "hits"
    return json.dumps(plain(read_hits(Path(path))))
