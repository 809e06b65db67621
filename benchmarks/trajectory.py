"""Cost of a frame's w, camera and colour before the network: python -m benchmarks.trajectory [SONG] [--presets ...]

Prints, for each preset, milliseconds a frame of ink's trajectory over a song (columns computed before), and how many
times akma's that is. The median of --runs passes.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import torch

from akma_core.audio.reader import digest, open_audio
from akma_core.networks import builtin
from akma_core.render.curves import complete
from akma_core.render.planner import make_plan
from akma_core.render.trajectory import Trajectory
from akma_core.settings import RenderSettings
from runners.network import NetworkRunner, device_part

BATCH = 8  # frames at a time


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path)
    parser.add_argument("--presets", nargs="+", default=["akma", "pulse", "club", "camera", "chapters"])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    folder, card = builtin.find("ink")
    cpu = torch.device("cpu")
    runner = NetworkRunner(folder, cpu, 1)
    reader = open_audio(options.song)
    base = None
    for preset in options.presets:
        settings = RenderSettings.parse({"preset": preset})
        plan = make_plan(settings, reader, digest(options.song), card, device_part(cpu, card))
        planned = complete(plan, reader, card)
        trajectory = Trajectory(planned.plan, planned.columns, runner)
        seconds = []
        for _ in range(options.runs + 1):  # the first maps the seeds
            began = time.perf_counter()
            for start in range(0, plan.total_frames, BATCH):
                trajectory(start, min(start + BATCH, plan.total_frames))
            seconds.append((time.perf_counter() - began) / plan.total_frames)
        took = median(seconds[1:])
        base = base or took
        print(f"{preset:<12} {took * 1e3:.3f} ms a frame, {took / base:.1f} of {options.presets[0]}'s")


if __name__ == "__main__":
    main()
