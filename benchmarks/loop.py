"""Seam of a loop in pixels: python -m benchmarks.loop SONG [--model ink] [--presets ...] [--start 31] [--duration 16]

Prints, for each preset, the change from the last picture to the first (mean of the absolute difference, levels of 255)
beside the largest and the median change from picture to picture, and the changes next to the seam.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from akma_core.audio.reader import digest, open_audio
from akma_core.networks import builtin
from akma_core.render.curves import complete
from akma_core.render.planner import make_plan
from akma_core.render.trajectory import Trajectory
from akma_core.settings import RenderSettings
from runners.network import NetworkRunner, device_part

CPU = torch.device("cpu")
NEXT = 0.5  # seconds on either side of the seam: a loop begins with a bar, so that a hit lies on it, and others near


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path)
    parser.add_argument("--presets", nargs="+", default=["akma", "pulse"])
    parser.add_argument("--start", type=float, default=31.0)
    parser.add_argument("--duration", type=float, default=16.0)
    parser.add_argument("--model", default="ink")
    parser.add_argument("--fps", default="30")
    options = parser.parse_args()
    folder, card = builtin.find(options.model)
    runner = NetworkRunner(folder, CPU, 1)
    for preset in options.presets:
        told = {"model": options.model, "preset": preset, "loop": True, "fps": options.fps}
        settings = RenderSettings.parse({**told, "start": options.start, "duration": options.duration})
        with open_audio(options.song) as reader:
            plan = make_plan(settings, reader, digest(options.song), card, device_part(CPU, card))
            planned = complete(plan, reader, card)
        plan, trajectory = planned.plan, Trajectory(planned.plan, planned.columns, runner)
        first, last = plan.first_frame, plan.first_frame + plan.frames
        runs = (trajectory(at, min(at + runner.step, last)) for at in range(first, last, runner.step))
        pictures = (picture for run in runs for picture in runner.pictures(run).numpy().astype(np.float32))
        opening = before = next(pictures)
        changes = []
        for picture in pictures:
            changes.append(float(np.abs(picture - before).mean()))
            before = picture
        seam = float(np.abs(opening - before).mean())
        count = round(NEXT * plan.fps)
        beside = max(changes[:count] + changes[-count:])
        print(
            f"{preset:10} {plan.frames} frames: seam {seam:.2f}, largest change {max(changes):.2f}, largest of "
            f"{NEXT} s on either side {beside:.2f}, median {np.median(changes):.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
