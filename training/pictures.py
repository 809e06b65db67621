"""Pictures of a folder, which nobody has looked through: each is read within bounds, or named and left out."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from akma_core.errors import RequestError

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF")
MAX_PIXELS = 64_000_000
"""Such a picture takes up to 540 MB while it is read."""
CONVERTED = {"1": "black and white", "L": "grey", "P": "of a palette", "CMYK": "CMYK", "YCbCr": "YCbCr", "LAB": "Lab"}
TRANSPARENT = ("RGBA", "RGBX", "LA", "PA", "La", "RGBa")


class UnusableError(Exception):
    """Reason for which a file is left out, in a few words."""


def files_of(folder: Path) -> list[Path]:
    """All files below `folder` in the order of their names; links to folders are among them, and not followed.

    RequestError where it is missing, no folder, or cannot be read.
    """
    found: list[Path] = []
    try:
        next(folder.iterdir(), None)  # os.walk passes errors over
        for at, folders, names in os.walk(folder, followlinks=False):
            folders.sort()
            links = [name for name in folders if (Path(at) / name).is_symlink()]
            found += [Path(at) / name for name in sorted([*names, *links])]
    except OSError as error:
        message = f"cannot read the folder {folder} ({error.strerror}): give one with pictures"
        raise RequestError(message, code="no_pictures", field="folder") from None
    return found


def read_picture(path: Path, size: int) -> tuple[NDArray[np.uint8], str | None]:
    """[size, size, 3], the middle square of the picture, and what it was converted from; UnusableError otherwise."""
    try:
        # Neither a link nor a pipe is opened, whatever has become of the file since the folder was read.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise UnusableError("a symbolic link" if path.is_symlink() else f"unreadable: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnusableError("no regular file")
        try:
            with Image.open(file, formats=FORMATS) as picture:
                return _square(picture, size)
        except UnidentifiedImageError:
            raise UnusableError(f"no picture ({', '.join(FORMATS)})") from None
        except Image.DecompressionBombError:
            raise UnusableError(f"more than {MAX_PIXELS // 10**6} million pixels") from None
        except UnusableError:
            raise
        # Decoders raise nearly anything about a broken file.
        except Exception as error:
            reason = " ".join(str(error).split())[:80] or type(error).__name__
            raise UnusableError(f"broken: {reason}") from None


def _square(picture: Image.Image, size: int) -> tuple[NDArray[np.uint8], str | None]:
    if picture.width * picture.height > MAX_PIXELS:
        raise UnusableError(f"{picture.width}x{picture.height}: more than {MAX_PIXELS // 10**6} million pixels")
    if min(picture.size) < size:
        raise UnusableError(f"{picture.width}x{picture.height}: smaller than {size}x{size}")
    # A second picture within a JPEG is a camera's preview of the first.
    if getattr(picture, "is_animated", False) and picture.format != "MPO":
        raise UnusableError("animated, or of several pages")
    mode = picture.mode
    if mode.startswith(("I", "F")):
        raise UnusableError("16 bits a pixel or more: save it with 8")
    picture.draft("RGB", (2 * size, 2 * size))  # a JPEG is read no larger than is needed
    ImageOps.exif_transpose(picture, in_place=True)
    whole: Image.Image = picture
    if whole.has_transparency_data:
        whole = whole.convert("RGBA")
        if np.asarray(whole.getchannel("A")).min() < 255:
            raise UnusableError("transparent in parts: flatten it")
    elif mode not in ("RGB", *CONVERTED, *TRANSPARENT):
        raise UnusableError(f"its colours are of a kind that is not read ({mode})")
    square = ImageOps.fit(
        whole if whole.mode == "RGB" else whole.convert("RGB"), (size, size), Image.Resampling.LANCZOS
    )
    return np.array(square), CONVERTED.get(mode)


class FolderPictures:
    """The pictures of a folder in random order, over and over, size x size each.

    A file that cannot be used is named in one line the first time, and left out from then on.
    """

    def __init__(self, folder: Path, size: int, seed: int) -> None:
        self.folder, self.size = folder, size
        self.files = files_of(folder)
        if not self.files:
            message = f"there is nothing in {folder}: give a folder with pictures"
            raise RequestError(message, code="no_pictures", field="folder")
        self.left_out = 0
        self.converted: dict[str, list[Path]] = {}
        self._random = np.random.default_rng(seed)

    def once(self) -> Iterator[NDArray[np.uint8]]:
        """Every picture once."""
        order = [self.files[k] for k in self._random.permutation(len(self.files))]
        unusable = set()
        for path in order:
            try:
                picture, kind = read_picture(path, self.size)
            except UnusableError as error:
                unusable.add(path)
                self.left_out += 1
                print(f"left out: {_shown(path, self.folder)}: {error}", flush=True)
                continue
            if kind:
                self._note(path, kind)
            yield picture
        self.files = [path for path in self.files if path not in unusable]

    def _note(self, path: Path, kind: str) -> None:
        """Say of the first picture of a kind that they are made RGB; more lines would say the same."""
        known = self.converted.setdefault(kind, [])
        if not known:
            shown = _shown(path, self.folder)
            print(f"{shown} is {kind}: pictures like it are made RGB, without colour profiles", flush=True)
        if path not in known:
            known.append(path)

    def endless(self) -> Iterator[NDArray[np.uint8]]:
        """The pictures over and over, until none is left."""
        while self.files:
            yield from self.once()


def _shown(path: Path, folder: Path) -> str:
    """The name below the folder, without characters that would break the line or command a terminal."""
    return "".join(c if c.isprintable() else "?" for c in os.fsdecode(path.relative_to(folder)))[:200]
