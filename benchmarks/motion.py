"""Measure how much the demo video moves where its song is quiet and where it is loud.

    python benchmarks/motion.py build/demo/song.mp4 [--strip docs/demo.jpg]

The motion of a passage is the mean absolute difference of successive frames, in 8-bit values; a quarter of a second at
both ends of a passage is left out. --strip puts frames, half a second apart, on one picture.
"""

import argparse
import sys
from pathlib import Path

import av
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from make_song import SECTIONS

EDGE = 0.25  # seconds
COLUMNS, SIDE = 4, 320  # of the strip: pictures across, and pixels across each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--strip", type=Path, help="picture to write")
    options = parser.parse_args()
    change, thumbs, last = [], [], None
    with av.open(str(options.video)) as container:
        fps = float(container.streams.video[0].average_rate or 30)
        for index, frame in enumerate(container.decode(video=0)):
            picture = frame.to_ndarray(format="rgb24").astype(np.int16)
            if last is not None:
                change.append(np.abs(picture - last).mean())
            if index % round(fps / 2) == 0:
                height = round(SIDE * picture.shape[0] / picture.shape[1])
                thumbs.append(Image.fromarray(picture.astype(np.uint8)).resize((SIDE, height)))
            last = picture
    trajectory: dict[bool, list[float]] = {True: [], False: []}
    for section in SECTIONS:
        part = change[round((section.start + EDGE) * fps) : round((section.stop - EDGE) * fps)]
        trajectory[section.loud].extend(part)
        kind = "loud" if section.loud else "quiet"
        print(f"{section.start:6.2f} - {section.stop:6.2f} s  {section.name:<10} {kind:<6} {np.mean(part):6.1f}")
    loud, quiet = np.mean(trajectory[True]), np.mean(trajectory[False])
    print(f"loud {loud:.1f}, quiet {quiet:.1f}: {loud / quiet:.1f} times")
    if options.strip:
        thumbs = thumbs[: len(thumbs) // COLUMNS * COLUMNS]
        strip = Image.new("RGB", (COLUMNS * SIDE, len(thumbs) // COLUMNS * thumbs[0].height))
        for k, thumb in enumerate(thumbs):
            strip.paste(thumb, (k % COLUMNS * SIDE, k // COLUMNS * thumb.height))
        strip.save(options.strip, quality=88)


if __name__ == "__main__":
    main()
