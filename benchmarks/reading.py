"""Cost of reading healthy files: CPU seconds and peak memory of a song to its curve, of a video upscaled.

python benchmarks/reading.py make DIR                 song.wav, song.mp3 (an hour) and video.mp4 (a minute, 320x180)
python benchmarks/reading.py measure DIR --tree PATH  with the akma_core of another checkout, to compare
"""

import argparse
import os
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parents[1]
RATE = 44_100
CURVE = """
from fractions import Fraction
from akma_core.audio.reader import open_audio, scan
scan(open_audio(sys.argv[1]), Fraction(30), 1480)
"""
UPSCALE = """
import tempfile
from pathlib import Path
from akma_core.media.video_reader import open_video
from akma_core.upscale.pipeline import UpscaleOutput, make_plan
from tests.support.clips import Doubled
clip, network = open_video(Path(sys.argv[1])), Doubled()
with tempfile.TemporaryDirectory() as folder:
    plan = make_plan(clip, network, 1.0, 16.0)
    work = UpscaleOutput(Path(folder) / ("a" + plan.suffix), plan, clip)
    with work.owned():
        work.finish(work.upscale(network))
"""
REPORT = """
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
print(f"{used.ru_utime + used.ru_stime:.1f} {used.ru_maxrss / 1024:.0f}")
"""


def make(folder: Path, minutes: int, video_minutes: int, size: tuple[int, int]) -> None:
    """Write the files: a tone with noise, whose loudness swings; pictures that slide."""
    sys.path.insert(0, str(ROOT))
    from tests.support.clips import make_clip, scene

    rng = np.random.default_rng(0)
    noise = rng.uniform(-0.3, 0.3, (60 * RATE, 2)) * np.sin(np.arange(60 * RATE) / 30_000)[:, None]
    for name in ("song.wav", "song.mp3"):
        with soundfile.SoundFile(folder / name, "w", RATE, 2) as file:
            for _ in range(minutes):
                file.write(noise)
    frames = 25 * 60 * video_minutes
    pictures = islice(cycle(scene(250, *size)), frames)
    make_clip(folder / "video.mp4", frames=frames, size=size, fps=25, pictures=pictures, sound="aac")


def measure(folder: Path, tree: Path, runs: int) -> None:
    """Print a line for each file: medians of CPU seconds, seconds and the peak memory in MB."""
    for name, code in (("song.wav", CURVE), ("song.mp3", CURVE), ("video.mp4", UPSCALE)):
        if not (folder / name).exists():
            continue
        told = []
        for _ in range(runs):
            command = [sys.executable, "-c", "import sys\n" + code + REPORT, str(folder / name)]
            environment = os.environ | {"PYTHONPATH": str(tree), "OPENBLAS_NUM_THREADS": "1"}
            began = time.monotonic()
            done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=True)
            told.append([*map(float, done.stdout.split()[-2:]), time.monotonic() - began])
        used, memory, seconds = np.median(told, axis=0)
        print(f"{name}: {used:.1f} s of CPU, {seconds:.1f} s, {memory:.0f} MB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tree", type=Path, default=ROOT)
    parser.add_argument("--minutes", type=int, default=60, help="of the songs")
    parser.add_argument("--video-minutes", type=int, default=1)
    parser.add_argument("--size", default="320x180", help="of the video's pictures")
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    if options.what == "make":
        width, height = map(int, options.size.split("x"))
        make(options.folder, options.minutes, options.video_minutes, (width, height))
    else:
        measure(options.folder, options.tree.resolve(), options.runs)


if __name__ == "__main__":
    main()
