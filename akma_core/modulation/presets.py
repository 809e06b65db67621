"""Presets: walks and rows under a name, as TOML files in the package, in one's own folder, or anywhere."""

import json
import re
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from akma_core.errors import RequestError
from akma_core.home import home

from .grammar import Rows, line_of
from .keys import Keys
from .rows import Strict, complaint

BUILT_IN = Path(__file__).parent / "presets"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,59}", re.ASCII)
MAX_BYTES = 1 << 18
Pace = Literal["even", "integral", "loop", "keys"]


class WalkOptions(Strict):
    """Kinds of the two walks."""

    top: Pace = "even"
    """even: seeds spread over the song (AKMA). integral: pace from rows. loop: closed over the video. keys: listed."""
    bottom: Pace = "even"
    palettes: Literal["song", "sections"] = "song"
    """sections: each part of the song has its own seeds, which come back when it does."""
    keys: Keys = ()


class Preset(Strict):
    """Walks and rows under a name."""

    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
    version: Literal[1] = 1
    description: Annotated[str, Field(max_length=400)] = ""
    walk: WalkOptions = WalkOptions()
    modulation: Rows = ()


def find_preset(name: str, *, files: bool = True) -> Preset:
    """The preset of that name, one's own before the package's, or in a .toml file if `files`; RequestError."""
    if files and name.endswith(".toml"):
        return read_preset(Path(name))
    for folder in folders():
        if NAME.fullmatch(name) and (folder / f"{name}.toml").is_file():
            return read_preset(folder / f"{name}.toml")
    known = ", ".join(preset_names())
    message = f"unknown preset {name[:80]!r}: give {known}" + (" or a .toml file" if files else "")
    raise RequestError(message, code="unknown_preset", field="preset")


def folders() -> tuple[Path, ...]:
    """Folders of presets; the first of a name counts."""
    return home() / "presets", BUILT_IN


def preset_names() -> list[str]:
    """Names of the presets there are, the default first."""
    names = {path.stem for folder in folders() for path in _files(folder)}
    return sorted(names, key=lambda name: (name != "pulse", name != "akma", name))


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.glob("*.toml") if NAME.fullmatch(path.stem))


def read_preset(path: Path) -> Preset:
    """The preset in a file; RequestError, one line that names file, row and key."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RequestError(f"cannot read preset {path}: {reason}", code="bad_preset", field="preset") from None
    if len(text) > MAX_BYTES:
        raise RequestError(f"preset {path} is larger than {MAX_BYTES} bytes", code="bad_preset", field="preset")
    try:
        return parse_preset(text.decode())
    except RequestError as error:
        raise RequestError(f"preset {path}: {error.message}", code="bad_preset", field="preset") from None
    except ValueError:
        raise RequestError(f"preset {path} is not text in UTF-8", code="bad_preset", field="preset") from None


def preset_toml(preset: Preset) -> str:
    """The preset as TOML that `parse_preset` reads."""
    walk = preset.walk.model_dump(mode="json", exclude_defaults=True)
    lines = [f"name = {json.dumps(preset.name)}", f"version = {preset.version}"]
    lines += [f"description = {json.dumps(preset.description, ensure_ascii=False)}", "modulation = ["]
    lines += [f"    {json.dumps(line_of(row))}," for row in preset.modulation]
    lines += ["]", "[walk]", *(f"{name} = {json.dumps(value)}" for name, value in walk.items())]
    return "\n".join(lines) + "\n"


@lru_cache(64)
def parse_preset(text: str) -> Preset:
    """The preset that TOML says, kept for the next time; RequestError."""
    try:
        fields = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RequestError(f"is not TOML: {error}", code="bad_preset", field="preset") from None
    try:
        return Preset.model_validate(fields)
    except ValidationError as error:
        raise RequestError(complaint(error), code="bad_preset", field="preset") from None
