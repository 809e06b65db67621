"""Draw the pictures of the studio's presets: python scripts/preset_strips.py [NAME ...]     (default: every preset)

Each is studio/src/presets/NAME.webp: pictures of the demo song a quarter of a second apart, from the rest before a drop
into its first hits; below, how much the picture changes from frame to frame, and the hits as dots.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from akma_core.modulation.presets import preset_names  # noqa: E402
from akma_core.networks import builtin  # noqa: E402
from akma_core.settings import RenderSettings  # noqa: E402
from benchmarks.strips import CPU, Row  # noqa: E402
from runners.network import NetworkRunner  # noqa: E402

SONG = ROOT / "studio/public/demo-song.m4a"
OUTPUT = ROOT / "studio/src/presets"
START, PICTURES, EVERY, RATE = 2.0, 8, 0.25, 12  # s, of a strip, s, frames a second that are compared
SIDE, BELOW, GAP = 64, 26, 2  # pixels
FULL = 48.0  # mean change of a frame's levels, of 255, that fills the height
QUALITY = 50  # of WebP
BACK, BAR, HIT = (19, 20, 23), (233, 164, 60), (236, 236, 230)


def changes(frames: list[Image.Image]) -> NDArray[np.float64]:
    """Mean difference of each frame to the one before, 0..255 levels; one fewer than there are."""
    levels = np.array([np.asarray(frame, np.float64) for frame in frames])
    mean: NDArray[np.float64] = np.abs(np.diff(levels, axis=0)).mean((1, 2, 3))
    return mean


def strip(row: Row, hits: NDArray[np.float64]) -> Image.Image:
    """`hits`: [n, 2], seconds and strength 0..1."""
    seconds = PICTURES * EVERY
    frames = [row.frame(START + (k - 1) / RATE, SIDE) for k in range(round(seconds * RATE) + 1)]
    pitch = SIDE + GAP
    picture = Image.new("RGB", (PICTURES * pitch - GAP, SIDE + BELOW), BACK)
    for k in range(PICTURES):
        picture.paste(frames[1 + round(k * EVERY * RATE)], (k * pitch, 0))
    draw, floor = ImageDraw.Draw(picture), SIDE + BELOW
    change = changes(frames)
    width = picture.width / len(change)
    for k, value in enumerate(change):
        top = floor - max(1, round(min(1.0, value / FULL) * (BELOW - 8)))
        draw.rectangle((round(k * width), top, round((k + 1) * width) - 2, floor), fill=BAR)
    for time, _ in hits[(hits[:, 0] >= START) & (hits[:, 0] < START + seconds)]:
        x, y = (time - START) / seconds * picture.width, SIDE + 4
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=HIT)
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("presets", nargs="*", help="names of presets")
    options = parser.parse_args()
    runner = NetworkRunner(builtin.find("ink")[0], CPU, 1)
    hits = Row(SONG, RenderSettings.parse({"preset": "pulse"}), runner).hits
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for name in options.presets or preset_names():
        path = OUTPUT / f"{name}.webp"
        made = strip(Row(SONG, RenderSettings.parse({"preset": name}), runner), hits)
        made.save(path, quality=QUALITY, method=6)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.1f} kB", flush=True)


if __name__ == "__main__":
    main()
