"""`akma flash`: whether a video flashes more than the guidelines for photosensitive viewers allow."""

import argparse
import json
import sys
from pathlib import Path

from akma_core.cli.options import Commands

FAILED = 3  # exit code
BATCH_PIXELS = 1 << 22  # read at once


def add(commands: Commands) -> None:
    """Declare the command."""
    flash = commands.add_parser(
        "flash",
        help="measure the flashes of a video",
        description="Count the flashes of VIDEO by five guidelines. Exit code 0: it passes them all; 3: it fails one.",
    )
    flash.add_argument("video", type=Path, metavar="VIDEO", help="any video")
    flash.add_argument("--json", action="store_true", help="print JSON")
    flash.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print each guideline's verdict; returns the exit code."""
    from akma_core.media.flash.grid import Grid
    from akma_core.media.flash.meter import FlashMeter
    from akma_core.media.flash.report import as_json, lines, passed
    from akma_core.media.video_reader import FrameReader, open_video

    video = open_video(options.video)
    grid = Grid.fine(video.look.width, video.look.height)
    meter, reader = FlashMeter(grid, float(video.fps)), FrameReader(video)
    times = ((video.times - video.times[0]) * float(video.time_base)).tolist()
    step = max(1, BATCH_PIXELS // (grid.width * grid.height))
    for start in range(0, video.frames, step):
        stop = min(start + step, video.frames)
        meter.add(grid.small(reader.read(start, stop)), times[start:stop])
    if reader.repeated:
        print(f"note: {reader.repeated} pictures could not be decoded: those before stand for them", file=sys.stderr)
    verdicts = meter.verdicts()
    if options.json:
        print(json.dumps({"video": options.video.name, "frames": video.frames} | as_json(verdicts)))
    else:
        print("\n".join(lines(verdicts)))
    return 0 if passed(verdicts) else FAILED
