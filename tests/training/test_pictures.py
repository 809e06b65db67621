"""Folders of anything: pictures are read within bounds, all else is named in one line and left out."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from akma_core.errors import RequestError
from training.pictures import FolderPictures, UnusableError, read_picture

SIZE = 16
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (20, 24, 3), np.uint8)
PICTURE = Image.fromarray(NOISE)


def _bomb(path: Path) -> None:
    """A PNG of 30000 x 30000 pixels in a few bytes."""
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    parts = [struct.pack(">I", len(b)) + n + b + struct.pack(">I", zlib.crc32(n + b)) for n, b in chunks]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def _large(path: Path) -> None:
    Image.new("1", (8400, 8200)).save(path)  # within Pillow's own bounds


def _broken(path: Path) -> None:
    PICTURE.save(path)
    path.write_bytes(path.read_bytes()[:900])


def _transparent(path: Path) -> None:
    picture = PICTURE.convert("RGBA")
    picture.putpixel((3, 3), (0, 0, 0, 0))
    picture.save(path)


def _animated(path: Path) -> None:
    PICTURE.save(path, "PNG", save_all=True, append_images=[PICTURE.rotate(90)])


def _link(path: Path) -> None:
    other = path.parent.parent / "other.png"
    PICTURE.save(other)
    path.symlink_to(other)


def _sixteen_bits(path: Path) -> None:
    Image.fromarray(RNG.integers(0, 65536, (20, 20), np.uint16)).save(path)


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "broken": (_broken, "broken: "),
    "empty": (lambda path: path.write_bytes(b""), "no picture"),
    "text": (lambda path: path.write_text("P3 1 1"), "no picture"),
    "a format that is not read": (lambda path: PICTURE.save(path, "PPM"), "no picture"),
    "tiny": (lambda path: PICTURE.resize((40, 15)).save(path), "40x15: smaller than 16x16"),
    "large": (_large, "8400x8200: more than 64 million pixels"),
    "bomb": (_bomb, "more than 64 million pixels"),
    "transparent": (_transparent, "transparent in parts"),
    "animated": (_animated, "animated"),
    "16 bits": (_sixteen_bits, "16 bits a pixel"),
    "link": (_link, "a symbolic link"),
    "pipe": (lambda path: os.mkfifo(path), "no regular file"),
    "gone": (os.fspath, "unreadable"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_says_why_a_file_is_left_out(name: str, tmp_path: Path) -> None:
    make, words = UNUSABLE[name]
    (tmp_path / "pictures").mkdir()
    path = tmp_path / "pictures" / "a.png"
    make(path)
    with pytest.raises(UnusableError, match=words) as error:
        read_picture(path, SIZE)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("suffix", "mode", "kind"),
    [
        ("png", "RGB", None), ("webp", "RGB", None), ("bmp", "RGB", None), ("jpg", "RGB", None), ("tiff", "RGB", None),
        ("png", "L", "grey"), ("jpg", "L", "grey"), ("jpg", "CMYK", "CMYK"), ("tiff", "CMYK", "CMYK"),
        ("gif", "P", "of a palette"), ("png", "1", "black and white"), ("png", "RGBA", None),
    ],
)  # fmt: skip
def test_reads_and_converts(suffix: str, mode: str, kind: str | None, tmp_path: Path) -> None:
    grey = Image.new("RGB", (40, 20), (200, 200, 200))
    grey.convert(mode).save(tmp_path / f"a.{suffix}")
    picture, found = read_picture(tmp_path / f"a.{suffix}", SIZE)
    assert (picture.shape, picture.dtype, found) == ((SIZE, SIZE, 3), np.dtype(np.uint8), kind)
    assert abs(picture.astype(float).mean() - 200) < (60 if mode == "1" else 6)


def test_takes_the_middle_and_turns_as_the_camera_says(tmp_path: Path) -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :8], pixels[:, 24:] = 255, 255  # outside the square
    pixels[:4, 8:24, 0] = 255  # red above
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    picture, _ = read_picture(tmp_path / "a.png", SIZE)
    assert picture[12:, :, 0].min() == 255
    assert picture[:, :, 1:].max() == 0


def test_names_what_it_leaves_out_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    for k in range(3):
        PICTURE.save(folder / "below" / f"{k}.png")
        PICTURE.convert("L").save(folder / f"grey{k}.png")
    (folder / "a\x1b[31m\n.png").write_text("none")
    (folder / "elsewhere").symlink_to(tmp_path, target_is_directory=True)
    pictures = FolderPictures(folder, SIZE, seed=0)
    assert len(list(pictures.once())) == len(list(pictures.once())) == 6
    lines = sorted(capsys.readouterr().out.splitlines())
    assert [line.replace("grey0", "greyN").replace("grey1", "greyN").replace("grey2", "greyN") for line in lines] == [
        "greyN.png is grey: pictures like it are made RGB, without colour profiles",
        "left out: a?[31m?.png: no picture (PNG, JPEG, WEBP, TIFF, BMP, GIF)",
        "left out: elsewhere: a symbolic link",
    ]
    assert pictures.left_out == 2


def test_a_folder_of_nothing(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RequestError, match="give"):
            FolderPictures(folder, SIZE, seed=0)
    (tmp_path / "a.png").write_text("none")
    with pytest.raises(RequestError, match="cannot read the folder"):
        FolderPictures(tmp_path / "a.png", SIZE, seed=0)
    assert list(FolderPictures(tmp_path, SIZE, seed=0).endless()) == []
