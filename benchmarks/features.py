"""Accuracy and speed of the analysis, on songs whose truth is known.

    python benchmarks/features.py SONG.json ... [--hour SONG.ogg]

Beside each SONG.json lies SONG.ogg, .wav or .flac. Prints F1 of the hits and of each drum (45 ms), the median error of
the hits, how their strength goes with the truth's (correlation), tempo and its confidence, F of beats and downbeats
(70 ms) with confidence, F of section boundaries (3 s), and CPU seconds a minute of sound. --hour repeats a song for an
hour and prints CPU seconds, wall seconds and the peak of memory above what the song itself needs. Decoding is left out.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import ArrayLike, NDArray

from akma_core.audio.features.analysis import DRUM_EVENTS, analyse

NEAR, BEAT, BOUNDARY = 0.045, 0.07, 3.0  # s


def f_measure(found: NDArray[np.float64], truth: ArrayLike, tolerance: float) -> float:
    """F1 of the largest one-to-one matching of sorted times; NaN where there is nothing to find and nothing found."""
    wanted = np.sort(np.asarray(truth, np.float64))
    i = j = hits = 0
    while i < len(found) and j < len(wanted):
        distance = found[i] - wanted[j]
        hits += abs(distance) <= tolerance
        i += distance <= tolerance
        j += distance >= -tolerance
    return 2 * hits / (len(found) + len(wanted)) if len(found) + len(wanted) else float("nan")


def song(path: Path) -> None:
    """Print a line about one song."""
    truth = json.loads(path.read_text())
    sound = next(file for suffix in (".ogg", ".wav", ".flac") if (file := path.with_suffix(suffix)).exists())
    samples, rate = soundfile.read(sound, dtype="float32")
    start = time.process_time()
    found = analyse([samples], rate)
    seconds = time.process_time() - start
    hits = found.events["hits"]
    wanted = np.asarray(truth["hits"])
    nearest = np.abs(hits[:, :1] - wanted).argmin(axis=1)
    error = hits[:, 0] - wanted[nearest]
    matched = np.abs(error) <= NEAR
    strength = np.asarray(truth["hit_strength"])[nearest[matched]]
    alike = np.corrcoef(hits[matched, 1], strength)[0, 1] if np.ptp(strength) > 0 else float("nan")
    print(f"{path.stem:14s} hits {f_measure(hits[:, 0], wanted, NEAR):.2f} ({1000 * np.median(error[matched]):+.0f} ms,"
          f" strength {alike:.2f})", end="  ")  # fmt: skip
    for name in DRUM_EVENTS:
        if truth["onsets"][name]:
            print(f"{name} {f_measure(found.events[name][:, 0], truth['onsets'][name], NEAR):.2f}", end=" ")
    print(f" tempo {found.tempo.bpm:.2f} of {truth['tempo']:.2f} ({found.tempo.confidence:.2f})", end="  ")
    for name, sure in (("beats", found.beat_confidence), ("downbeats", found.downbeat_confidence)):
        print(f"{name} {f_measure(found.events[name][:, 0], truth[name], BEAT):.2f} ({sure:.2f})", end=" ")
    if truth.get("sections"):
        borders = np.array([section.start for section in found.sections[1:]])
        print(f" sections {f_measure(borders, [start for _, start, _ in truth['sections'][1:]], BOUNDARY):.2f}", end="")
    print(f"  {seconds / (len(samples) / rate) * 60:.2f} s/min")


def hour(path: Path) -> None:
    """Print what an hour costs."""
    samples, rate = soundfile.read(path, dtype="float32")

    def blocks() -> Iterator[NDArray[np.float32]]:
        for _ in range(round(3600 * rate / len(samples))):
            yield samples

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    found = analyse(blocks(), rate)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{found.duration:.0f} s of sound: {cpu:.1f} CPU s, {wall:.1f} s, {peak / 1024:.0f} MB above the imports")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path, nargs="*", help="SONG.json")
    parser.add_argument("--hour", type=Path, help="song to repeat")
    options = parser.parse_args()
    for path in options.truth:
        song(path)
    if options.hour:
        hour(options.hour)


if __name__ == "__main__":
    main()
