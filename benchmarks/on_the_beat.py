"""Accuracy with which presets land on the hits of songs whose truth is known, and whether what they make flashes.

    python -m benchmarks.on_the_beat --tool hits.py SONG.json ... [--presets pulse akma] [--fps 30]
        [--model ink] [--passages 4] [--seconds 12] [--set key=value ...] [--hits found|truth]
        [--quarter] [--hold [--strict]]

Beside each SONG.json lies SONG.ogg. `--tool` is the measure of motion against the truth (its docstring defines every
figure). Prints a line a passage: f1 of the found hits themselves, f1 of the motion with chance, f1_any, the ratio of
motion loud over quiet, and the flash meter's transitions; then the mean of each song. Pictures are the network's own,
before the encoder, reduced by the tool. `--hits truth` lets the true hits drive
the rows: what is then missing is the motion's fault, not the ear's.
"""

import argparse
import importlib.util
import json
import time
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from av import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from akma_core.audio.reader import digest, open_audio
from akma_core.media.flash.grid import Grid
from akma_core.media.flash.hold import HELD, STRICT, PixelHold
from akma_core.media.flash.meter import FlashMeter
from akma_core.media.flash.standards import STANDARDS
from akma_core.media.yuv import rgb_to_yuv420
from akma_core.modulation.song import SongAnalysis
from akma_core.networks import builtin
from akma_core.render.curves import complete
from akma_core.render.plan import CanvasPart, RenderPlan
from akma_core.render.planner import make_plan
from akma_core.render.trajectory import Trajectory
from akma_core.settings import RenderSettings
from akma_core.timeline import CHUNK_SECONDS, chunk_borders, cut
from runners.network import NetworkRunner, device_part


def loaded(path: Path) -> ModuleType:
    """The measuring tool as a module."""
    spec = importlib.util.spec_from_file_location("tool", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Song:
    """A song planned for a preset, ready to give pictures of any of its passages."""

    def __init__(self, truth: Path, settings: RenderSettings, runner: NetworkRunner, *, true_hits: bool) -> None:
        self.truth: dict[str, Any] = json.loads(truth.read_text())
        _, card = builtin.find(settings.model)
        path = next(file for suffix in (".ogg", ".wav", ".flac") if (file := truth.with_suffix(suffix)).exists())
        cpu = torch.device("cpu")
        with open_audio(path) as reader:
            self.plan: RenderPlan = make_plan(settings, reader, digest(path), card, device_part(cpu, card))
            asked = SongAnalysis.events
            if true_hits:
                hits = np.column_stack([self.truth["hits"], self.truth["hit_strength"]])
                SongAnalysis.events = lambda own, name, source: (  # type: ignore[method-assign]
                    hits if name == "hit" else asked(own, name, source)
                )
            try:
                planned = complete(self.plan, reader, card)
            finally:
                SongAnalysis.events = asked  # type: ignore[method-assign]
        self.plan = planned.plan
        self.seconds = self.plan.audio.samples / self.plan.audio.sample_rate
        hit_columns = [column for name, column in planned.columns.items() if name.split()[0] == "hit"]
        self.hits = hit_columns[0][:, 0] if hit_columns else np.zeros(0)
        self._runner, self._trajectory = runner, Trajectory(self.plan, planned.columns, runner)

    def pictures(self, start: float, seconds: float) -> NDArray[np.uint8]:
        """Frames of a passage, uint8 [n, H, W, 3]."""
        first, count = round(start * self.plan.fps), round(seconds * self.plan.fps)
        stop, step = min(first + count, self.plan.total_frames), self._runner.step
        parts = [self._trajectory(at, min(at + step, stop)) for at in range(first, stop, step)]
        return np.concatenate([self._runner.pictures(part).numpy() for part in parts])


def held(
    pictures: NDArray[np.uint8], fps: Fraction, borders: list[int] | None = None, *, strict: bool = False
) -> tuple[NDArray[np.uint8], int]:
    """The pictures as a render of this passage shows them, and how many of them the limit held.

    `borders` of its chunks, in frames; by default as of a render that begins with the passage.
    """
    planes = rgb_to_yuv420(torch.from_numpy(pictures)).numpy()
    grid, standards = Grid.points(pictures.shape[2], pictures.shape[1]), STRICT if strict else HELD
    out, count = [], 0
    for chunk in cut(0, borders or chunk_borders(len(planes), fps, CHUNK_SECONDS)):
        hold = PixelHold(grid, float(fps), chunk.frames, limit=True, standards=standards)
        out.append(hold(planes[chunk.start : chunk.start + chunk.frames]))
        count += hold.held
    frames = (VideoFrame.from_ndarray(frame, format="yuv420p") for frame in np.concatenate(out))
    for frame in (every := list(frames)):
        frame.colorspace, frame.color_range = Colorspace.ITU709, ColorRange.MPEG
    return np.stack([frame.to_ndarray(format="rgb24") for frame in every]), count


def starts(length: float, passages: int, seconds: float) -> list[float]:
    """Starts of passages, s: spread evenly, on whole seconds."""
    last = max(0.0, length - seconds)
    return sorted({float(np.floor(last * (k + 0.5) / passages)) for k in range(passages)})


def transitions(pictures: NDArray[np.uint8], fps: float) -> dict[str, float]:
    """Transitions of the worst second by each standard, and of the mean of its field, as "NAME mean"."""
    grid = Grid.fine(pictures.shape[2], pictures.shape[1])
    meter = FlashMeter(grid, fps, STANDARDS)
    meter.add(grid.small(pictures))
    found: dict[str, float] = {}
    for name, verdict in meter.verdicts().items():
        found[name] = max(verdict.general.transitions, verdict.red.transitions)
        found[f"{name} mean"] = verdict.mean.transitions
    return found


def measured(tool: ModuleType, song: Song, start: float, options: argparse.Namespace) -> dict[str, float]:
    """Figures of the tool and of the flash meter for one passage."""
    pictures, fps = song.pictures(start, options.seconds), float(song.plan.fps)
    if options.hold:
        pictures, _ = held(pictures, song.plan.fps, strict=options.strict)
    small = np.stack([tool.reduce(picture.astype(np.float32)) for picture in pictures])
    found = dict(tool.measure(tool.motion(small), fps, song.truth, start))
    truth = np.asarray(song.truth["hits"])
    inside = [times[(times >= start) & (times < start + options.seconds)] for times in (song.hits, truth)]
    found["heard"] = tool.f1(*inside, 0.045)
    found |= transitions(pictures, fps)
    found["step"] = float(np.percentile(tool.motion(small)[1:], 99))
    found["rest"] = float(np.median(tool.motion(small)[1:]))
    return found


COLUMNS = ("heard", "f1", "chance", "f1_any", "ratio", "dynamics", "precision", "recall", "hits_per_s", "rest", "step",
           "trace24", "wcag2_2", "iso", "iso mean")  # fmt: skip


def line(name: str, figures: dict[str, float]) -> str:
    """The figures of COLUMNS."""
    return f"{name:28s} " + " ".join(f"{figures[key]:9.2f}" for key in COLUMNS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path, nargs="+", help="SONG.json")
    parser.add_argument("--tool", type=Path, required=True)
    parser.add_argument("--presets", nargs="+", default=["pulse"])
    parser.add_argument("--model", default="ink")
    parser.add_argument("--fps", nargs="+", default=["30"])
    parser.add_argument("--passages", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--quarter", action="store_true", help="only the middle of the picture, half as wide: quicker")
    parser.add_argument("--hold", action="store_true", help="with the limit on flashes, as a render has it")
    parser.add_argument("--strict", action="store_true", help="with --hold: as `--flash-limit strict`")
    parser.add_argument("--hits", choices=("found", "truth"), default="found")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="further settings")
    options = parser.parse_args()
    tool = loaded(options.tool)
    folder, _ = builtin.find(options.model)
    canvas = CanvasPart(way="wide", columns=8, rows=8) if options.quarter else None
    runner = NetworkRunner(folder, torch.device("cpu"), 1, size=(128, 128) if canvas else None, canvas=canvas)
    print(" " * 28 + " ".join(f"{key:>9s}" for key in COLUMNS))
    for preset in options.presets:
        for fps in options.fps:
            for path in options.truth:
                given = dict(text.split("=", 1) for text in options.set)
                settings = RenderSettings.parse({"model": options.model, "preset": preset, "fps": fps, **given})
                song, began = Song(path, settings, runner, true_hits=options.hits == "truth"), time.monotonic()
                passages = starts(song.seconds, options.passages, options.seconds)
                every = [measured(tool, song, start, options) for start in passages]
                label = f"{Path(preset).stem} {fps} {path.stem}"
                for start, figures in zip(passages, every, strict=True):
                    print(line(f"{label} {start:g} s", figures))
                means = {key: float(np.mean([figures[key] for figures in every])) for key in COLUMNS}
                print(line(f"{label} MEAN", means), f"({time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
