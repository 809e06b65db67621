"""Frames of a song in a row, with what is heard or what drives them drawn below.

    python -m benchmarks.strips SONG -o strip.png [--presets pulse ...] [--start S] [--every 0.1] [--frames 8]
        [--below waveform|curve|both] [--set key=value ...]
    python -m benchmarks.strips --each docs/modes SONG [--presets ...] [--side 100]     # NAME.jpg for each preset
    python -m benchmarks.strips --blind FOLDER SONG ... [--presets akma pulse] [--seed 0]

One row of frames a preset. --blind: for each song a strip of either preset, the same moments, as a1.png, a2.png, b1.png
and so on in an order that only key.json tells: which of a pair moves with the music? Without --start a strip begins
0.35 s before a clear hit, so that both rest and blow are in it.
"""

import argparse
import json
import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from akma_core.audio.reader import AudioReader, digest, open_audio
from akma_core.modulation.columns import CURVE
from akma_core.networks import builtin
from akma_core.render.curves import complete
from akma_core.render.planner import make_plan
from akma_core.render.trajectory import Trajectory
from akma_core.settings import RenderSettings
from runners.network import NetworkRunner, device_part

SIDE, BELOW, GAP = 160, 64, 4  # pixels
BEFORE = 0.35  # s from a strip's begin to its hit
INK, PALE, BACK = (20, 20, 24), (150, 150, 158), (255, 255, 255)
CPU = torch.device("cpu")


class Row:
    """A preset's frames of one song, and the curve that blends its walks."""

    def __init__(self, song: Path, settings: RenderSettings, runner: NetworkRunner) -> None:
        _, card = builtin.find(settings.model)
        with open_audio(song) as reader:
            plan = make_plan(settings, reader, digest(song), card, device_part(CPU, card))
            planned = complete(plan, reader, card)
        self.fps, self.curve = float(plan.fps), planned.columns[CURVE]
        hits = [column for name, column in planned.columns.items() if name.startswith("hit")]
        self.hits: NDArray[np.float64] = hits[0] if hits else np.zeros((0, 2))
        self._runner, self._trajectory = runner, Trajectory(planned.plan, planned.columns, runner)

    def frame(self, time: float, side: int) -> Image.Image:
        """The frame that shows at a time of the song, s, `side` pixels a side."""
        at = min(round(time * self.fps), len(self.curve) - 1)
        picture = self._runner.pictures(self._trajectory(at, at + 1))[0].numpy()
        return Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS)


def clear_hit(hits: NDArray[np.float64], length: float, near: float) -> float:
    """Time of a strong hit with rest before it, the nearest to `near`; `near` where there is none."""
    before = np.diff(hits[:, 0], prepend=-1.0)
    good = (
        hits[(before > BEFORE) & (hits[:, 1] >= np.median(hits[:, 1])) & (hits[:, 0] < length - 2)]
        if len(hits)
        else hits
    )
    return float(good[np.abs(good[:, 0] - near).argmin(), 0]) if len(good) else near


def waveform(reader: AudioReader, start: float, seconds: float, width: int) -> NDArray[np.float64]:
    """Least and most sample of each column of pixels, [width, 2], the loudest of them at 1."""
    rate = reader.info.sample_rate
    samples = np.concatenate([block.mean(1) if block.ndim == 2 else block for block in reader.blocks(dtype="float32")])
    part = samples[round(start * rate) : round((start + seconds) * rate)]
    edges = np.linspace(0, len(part), width + 1).astype(int)
    found = np.array([(part[a:b].min(), part[a:b].max()) if b > a else (0, 0) for a, b in pairwise(edges)])
    return found / max(float(np.abs(found).max()), 1e-6)


def strip(
    rows: list[Row], song: Path, start: float, every: float, frames: int, below: str = "waveform", side: int = SIDE
) -> Image.Image:
    """One picture: rows of frames, each over the time until the next, and what is below."""
    width, pitch = frames * (side + GAP) - GAP, side + GAP
    picture = Image.new("RGB", (width, len(rows) * pitch + BELOW), BACK)
    for y, row in enumerate(rows):
        for k in range(frames):
            picture.paste(row.frame(start + k * every, side), (k * pitch, y * pitch))
    draw, top = ImageDraw.Draw(picture), len(rows) * pitch
    if below != "curve":
        with open_audio(song) as reader:
            shape = waveform(reader, start, frames * every, width)
        for x, (low, high) in enumerate(shape):
            middle, half = top + BELOW / 2, BELOW / 2 - 2
            draw.line([(x, middle - high * half), (x, middle - low * half)], fill=PALE if below == "both" else INK)
    if below != "waveform":
        at = np.clip((start + np.arange(width) / width * frames * every) * rows[0].fps, 0, len(rows[0].curve) - 1)
        values = np.interp(at, np.arange(len(rows[0].curve)), rows[0].curve)
        draw.line([(x, top + BELOW - 3 - v * (BELOW - 6)) for x, v in enumerate(values)], fill=INK, width=2)
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, default=Path("strip.png"))
    parser.add_argument("--presets", nargs="+", default=["akma", "pulse"])
    parser.add_argument("--start", type=float)
    parser.add_argument("--every", type=float, default=0.1)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--below", choices=("waveform", "curve", "both"), default="waveform")
    parser.add_argument("--blind", type=Path)
    parser.add_argument("--each", type=Path, help="folder for one picture a preset")
    parser.add_argument("--side", type=int, default=SIDE, help="pixels of a frame")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="further settings")
    options = parser.parse_args()
    runner = NetworkRunner(builtin.find("ink")[0], CPU, 1)
    given = dict(text.split("=", 1) for text in options.set)
    key, shuffle = {}, random.Random(options.seed)
    for letter, song in zip("abcdefghijklmnopqrstuvwxyz", options.songs, strict=False):
        rows = [Row(song, RenderSettings.parse({"preset": preset, **given}), runner) for preset in options.presets]
        hits = max((row.hits for row in rows), key=len)
        length = len(rows[0].curve) / rows[0].fps
        start = options.start
        if start is None:
            start = max(0.0, clear_hit(hits, length, length * 0.4) - BEFORE)
        if options.each is not None:
            options.each.mkdir(parents=True, exist_ok=True)
            for preset, row in zip(options.presets, rows, strict=True):
                made = strip([row], song, start, options.every, options.frames, options.below, options.side)
                made.save(options.each / f"{Path(preset).stem}.jpg", quality=85)
            continue
        if options.blind is None:
            made = strip(rows, song, start, options.every, options.frames, options.below, options.side)
            made.save(options.output)
            continue
        options.blind.mkdir(parents=True, exist_ok=True)
        order = list(range(len(rows)))
        shuffle.shuffle(order)
        for number, index in enumerate(order, 1):
            name = f"{letter}{number}.png"
            strip([rows[index]], song, start, options.every, options.frames).save(options.blind / name)
            key[name] = {"song": song.stem, "preset": options.presets[index], "start": round(start, 3)}
    if options.blind is not None:
        (options.blind / "key.json").write_text(json.dumps(key, indent=1) + "\n")


if __name__ == "__main__":
    main()
