"""Flashes of presets on songs, as rendered and without the limit, and what the limit costs of the hits.

    python -m benchmarks.preset_flashes --tool hits.py SONG.json ... [--presets pulse ...] [--quarter] [--strict]

Beside each SONG.json lies SONG.ogg. Of each song the chunk of 4 s with the most hits is drawn at 256 pixels, by default
by every preset, 30 frames a second, and metered as `akma flash` does. A line for each, first without the limit, then
with it: the worst second's transitions by trace24, WCAG 2.2 and the broadcast rule (more than 6 fail), those of
the mean of trace24's field, and the hit f1 of the motion; then how many frames the limit changed, be it in few pixels.
--quarter: only the middle of the picture, half as wide. --strict: as with `--flash-limit strict`.
"""

import argparse
import json
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from akma_core.media.flash.standards import MOST_TRANSITIONS
from akma_core.modulation.presets import preset_names
from akma_core.networks import builtin
from akma_core.render.plan import CanvasPart
from akma_core.settings import RenderSettings
from akma_core.timeline import CHUNK_SECONDS
from benchmarks.on_the_beat import Song, held, loaded, transitions
from runners.network import NetworkRunner

NAMES = ("trace24", "wcag2_2", "iso")
SECONDS = CHUNK_SECONDS[-1]


def busiest(truth: dict[str, Any]) -> float:
    """When the chunk of a whole render begins that has the most hits, of those that are SECONDS long."""
    hits = np.asarray(truth["hits"])
    starts = np.arange(sum(CHUNK_SECONDS[:-1]), truth["duration"] - SECONDS, SECONDS)
    return float(starts[np.argmax([np.count_nonzero((hits >= at) & (hits < at + SECONDS)) for at in starts])])


def figures(tool: ModuleType, song: Song, pictures: NDArray[np.uint8], start: float) -> dict[str, float]:
    """Transitions of the worst second by NAMES, of the mean of trace24's field, and the hit f1 of the motion."""
    fps = float(song.plan.fps)
    counts = transitions(pictures, fps)
    found = {name: counts[name] for name in NAMES} | {"mean": counts["trace24 mean"]}
    small = np.stack([tool.reduce(picture.astype(np.float32)) for picture in pictures])
    found["f1"] = tool.measure(tool.motion(small), fps, song.truth, start)["f1"]
    return found


def _words(found: dict[str, float]) -> str:
    counts = "  ".join(f"{found[name]:3.0f}{' ' if found[name] <= MOST_TRANSITIONS else '!'}" for name in NAMES)
    return f"{counts} {found['mean']:4.0f}  {found['f1']:5.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path, nargs="+", help="SONG.json")
    parser.add_argument("--tool", type=Path, required=True)
    parser.add_argument("--presets", nargs="+", default=list(preset_names()))
    parser.add_argument("--quarter", action="store_true")
    parser.add_argument("--strict", action="store_true")
    options = parser.parse_args()
    tool = loaded(options.tool)
    canvas = CanvasPart(way="wide", columns=8, rows=8) if options.quarter else None
    size = (128, 128) if canvas else None
    runner = NetworkRunner(builtin.find("ink")[0], torch.device("cpu"), 1, size=size, canvas=canvas)
    columns = " ".join(f"{name:>4.4s}" for name in (*NAMES, "mean")) + "     f1"
    print(f"{'':28s} {'without the limit':28s}   {'with it':28s}\n{'':28s} {columns:28s}   {columns}   held")
    failed: dict[str, list[str]] = {name: [] for name in NAMES}
    for path in options.truth:
        start = busiest(json.loads(path.read_text()))
        for preset in options.presets:
            began = time.monotonic()
            song = Song(path, RenderSettings.parse({"preset": preset}), runner, true_hits=False)
            free = song.pictures(start, SECONDS)
            shown, changed = held(free, song.plan.fps, [0, len(free)], strict=options.strict)
            before, after = (figures(tool, song, pictures, start) for pictures in (free, shown))
            label = f"{preset} {path.stem} {start:g} s"
            line = f"{label:28s} {_words(before)}   {_words(after)}   {changed} of {len(free)}"
            print(line, f"({time.monotonic() - began:.0f} s)", flush=True)
            for name in NAMES:
                if after[name] > MOST_TRANSITIONS:
                    failed[name].append(f"{preset} on {path.stem}")
    count = len(options.presets) * len(options.truth)
    for name, which in failed.items():
        print(f"{name}: {count - len(which)} of {count} pass; fail: {', '.join(which) or 'none'}")


if __name__ == "__main__":
    main()
