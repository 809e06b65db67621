"""Accuracy of the hits that are found in music without drums: every note's beginning should be one.

    python -m benchmarks.notes_heard FOLDER ...

Each FOLDER holds clips that no network was trained on, as scripts.train_hits makes them:

    python -m scripts.train_hits clips FOLDER --ensembles strings --font TimGM6mb.sf2 --count 6 --seconds 30 --seed 10

Prints, a line a folder, the mean over its clips: notes a second (those within 45 ms are one), F1 (45 ms) of the hits,
hits over notes, F1 of the same hits at 40 random shifts (chance), F1 of the onsets of plain spectral growth, and how
many clips are taken for songs with drums.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akma_core.audio.features.analysis import ONSET_DELTA, ONSET_LEAST
from akma_core.audio.features.bands import compressed
from akma_core.audio.features.column import FRAME_RATE
from akma_core.audio.features.drums import CLASSES, drum_probabilities
from akma_core.audio.features.hits import find_hits, has_drums
from akma_core.audio.features.notes import note_probability
from akma_core.audio.features.onset import growth, normalised, peaks
from benchmarks.features import NEAR, f_measure

SHIFTS, LEAST_SHIFT = 40, 0.7  # s


def truth(labels: NDArray[np.floating]) -> NDArray[np.float64]:
    """Times at which notes begin, s; of those within NEAR the first."""
    kept: list[float] = []
    for frame in np.flatnonzero(labels[:, CLASSES.index("note")] == 1).tolist():
        if not kept or frame / FRAME_RATE - kept[-1] > NEAR:
            kept.append(frame / FRAME_RATE)
    return np.array(kept)


def figures(path: Path) -> tuple[float, ...]:
    """Figures of one clip, as a line prints them."""
    with np.load(path, allow_pickle=False) as clip:
        bands, wanted = clip["bands"].astype(np.float32), truth(clip["labels"])
    levels, seconds = compressed(bands), len(bands) / FRAME_RATE
    grown = growth(levels)
    flux, drums = grown.mean(axis=1), drum_probabilities(levels, grown)
    hits = find_hits(flux, drums, note_probability(bands))[:, 0]
    onsets = peaks(normalised(flux), ONSET_DELTA, ONSET_LEAST)[:, 0]
    shifts = np.random.default_rng(0).uniform(LEAST_SHIFT, seconds - LEAST_SHIFT, SHIFTS)
    chance = np.mean([f_measure(np.sort((hits + shift) % seconds), wanted, NEAR) for shift in shifts])
    return (
        len(wanted) / seconds,
        f_measure(hits, wanted, NEAR),
        len(hits) / max(1, len(wanted)),
        float(chance),
        f_measure(onsets, wanted, NEAR),
        float(has_drums(drums)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    print(f"{'':14s} notes/s     f1  found chance onsets  drums")
    means = []
    for folder in parser.parse_args().folders:
        rows = np.array([figures(path) for path in sorted(folder.glob("*.npz"))])
        means.append(rows.mean(axis=0))
        drums = f"{rows[:, -1].sum():.0f} of {len(rows)}"
        print(f"{folder.name:14s} {means[-1][0]:7.1f} " + " ".join(f"{x:6.2f}" for x in means[-1][1:-1]), drums)
    print(f"{'MEAN':14s} {'':7s} " + " ".join(f"{x:6.2f}" for x in np.mean(means, axis=0)[1:-1]))


if __name__ == "__main__":
    main()
