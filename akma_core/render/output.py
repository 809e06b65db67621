"""The names that a finished video and its manifest go to: can they be written, and is another's file there."""

import os
from pathlib import Path

from akma_core.errors import FailureError, RequestError
from akma_core.files import FULL
from akma_core.media.mux import container_format
from akma_core.render.manifest import manifest_path

MAX_NAME = 230  # bytes; file systems take 255, and temporary files beside the output have longer names


def check_folder(path: Path, field: str = "output") -> None:
    """RequestError where no file can be made at `path`."""
    folder = path.parent
    if len(os.fsencode(path.name)) > MAX_NAME:
        raise RequestError(f"the name {path.name[:40]}... is too long: choose another", code="bad_output", field=field)
    if not folder.is_dir():
        raise RequestError(f"folder {folder} does not exist: make it first", code="no_folder", field=field)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RequestError(f"folder {folder} cannot be written to: choose another", code="no_folder", field=field)
    if path.is_dir():
        raise RequestError(f"{path} is a folder: give the name of a file", code="bad_output", field=field)


def make_folder(folder: Path) -> None:
    """Make `folder` where it is missing; RequestError where it cannot be there, FailureError where the disk is full."""
    try:
        folder.mkdir(exist_ok=True)
    except FileExistsError:
        raise RequestError(f"{folder} is a file: give the name of a folder", field="output") from None
    except OSError as error:
        if error.errno in FULL:
            raise FailureError(f"no room left to make folder {folder}: free some space", code="disk_full") from None
        raise RequestError(f"cannot make folder {folder}: {error.strerror}", field="output") from None


def check_output(video: Path, codec: str) -> None:
    """RequestError where `video` cannot be written, with sound in `codec`, whatever is in it."""
    container_format(video, codec)
    check_folder(video)
    if manifest_path(video).is_dir():
        message = f"{manifest_path(video)} is a folder, and the manifest goes there: choose another name"
        raise RequestError(message, code="bad_output", field="output")
