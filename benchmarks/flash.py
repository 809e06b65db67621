"""Accuracy and cost of the flash meter, on the labelled sequences.

    python benchmarks/flash.py DIR [--grid points|coarse] [--pack tests/golden/flash/cases.npz]

DIR holds `cases.json`, `masks` and `sequences` of the TRACE RERC's test media (Jordan, HCII 2025). --pack writes what
the tests need of them: each mask at the pixels that the fine grid reads, and the colours.
"""

import argparse
import csv
import json
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from akma_core.media.flash.grid import Grid
from akma_core.media.flash.hold import PixelHold
from akma_core.media.flash.meter import FlashMeter, Verdict
from akma_core.media.flash.standards import STANDARDS, Name

SIZE = (1920, 1080)
BROADCAST = ("ofcom2017", "itu_r1702_4", "iso")
# Standards from the smallest area to the largest: what is too much of a larger area is too much of a smaller one.
BY_AREA = (("wcag2_2",), ("trace24",), BROADCAST)

Case = dict[str, Any]


def small(folder: Path, case: Case, grid: Grid) -> NDArray[np.uint8]:
    """A case's pictures, drawn in full and made small by `grid`, uint8 [n, rows, columns, 3]."""
    picture = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    picture[:] = [int(value) for value in case["background"].strip("()").split(",")[:3]]
    masks = [_mask(folder, layer["mask"]) for layer in case["layers"]]
    sequences = [_colours(folder, layer["sequence"]) for layer in case["layers"]]
    pictures: list[NDArray[np.uint8]] = []
    for i in range(len(sequences[0])):
        if i == 0 or any((colours[i] != colours[i - 1]).any() for colours in sequences):
            for mask, colours in zip(masks, sequences, strict=True):
                picture[mask] = colours[i]
            pictures.append(grid.small(picture[None])[0])
        else:
            pictures.append(pictures[-1])
    return np.stack(pictures)


def given(case: Case, standard: str) -> bool:
    """True where the case passes by its label for that standard."""
    return str(case["expected"][standard]).startswith("pass")


def mended(case: Case, standard: str) -> bool:
    """True where the case passes, where the labels given contradict each other.

    A case has a label a standard (`expected`, left at "pass" throughout some sets) and one of its set (`set_row`). The
    set's counts for its own standard. The others differ from it in area only: what passes it by anything else passes
    them; what fails it, or passes by area alone, fails those of a smaller area, as all cases say that were filled in.
    """
    own = {"trace24": 1, "wcagc": 0, "broadcast": 2}.get(case["name"].split("_")[0])
    label = given(case, standard)
    rank = next(i for i, names in enumerate(BY_AREA) if standard in names)
    row = case["set_row"]
    if own is None:
        return label
    by_area = row["dimension"] == "area"
    if "pass" not in row:  # sets of red and luminance together, whose columns mean something else
        return label and not (by_area and rank < own)
    passes = row["pass"] == "TRUE"
    if rank == own or (passes and not by_area):
        return bool(passes)
    return label and rank > own


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--grid", choices=("fine", "points", "coarse"), default="fine", help="as of a video, a render, one of before"
    )
    parser.add_argument("--pack", type=Path, help="file to write, instead of judging")
    options = parser.parse_args()
    cases: list[Case] = json.loads((options.folder / "cases.json").read_text())
    if options.pack:
        _pack(options.folder, cases, options.pack)
        return
    grid: Grid = getattr(Grid, options.grid)(*SIZE)
    found: dict[str, dict[Name, Verdict]] = {}
    for case in cases:
        meter = FlashMeter(grid, case["fps"])
        meter.add(small(options.folder, case, grid))
        found[case["name"]] = meter.verdicts()
    for standard in STANDARDS:
        name = standard.name
        print(f"\n{name}")
        for title, truth in (("labels as given", given), ("labels mended", mended)):
            wrong = [case["name"] for case in cases if truth(case, name) != found[case["name"]][name].passed]
            print(f"  {title}: {len(cases) - len(wrong)} of {len(cases)} right; wrong:")
            for case in wrong:
                verdict = found[case][name]
                word = "pass" if verdict.passed else "fail"
                print(f"    {case:45} {word}, {verdict.general.transitions} general {verdict.red.transitions} red")
    print("\ncost of a render's frame, ms of a core: small and watched + metered, forms moving all over it")
    for size in (256, 1024):
        print(f"  {size} x {size}: {_cost(size)}")


def _pack(folder: Path, cases: list[Case], target: Path) -> None:
    layers = [layer for case in cases for layer in case["layers"]]
    arrays = {"mask/" + layer["mask"]: np.packbits(_mask(folder, layer["mask"])[2::4, 2::4]) for layer in layers}
    arrays |= {"sequence/" + layer["sequence"]: _colours(folder, layer["sequence"]) for layer in layers}
    np.savez_compressed(target, cases=np.array(json.dumps(cases)), **arrays)  # type: ignore[arg-type]


def _cost(size: int) -> str:
    """Of a render's frames, as planes, in which broad forms move."""
    rows, columns = np.mgrid[:size, :size] / size
    waves = [np.sin(9 * columns + i / 3) * np.cos(7 * rows - i / 5) for i in range(16)]
    luma = np.stack([126 + 100 * wave for wave in waves]).astype(np.uint8)
    chroma = np.full((16, size // 2, size), 128, np.uint8)
    planes = np.concatenate([luma, chroma], axis=1)
    grid = Grid.points(size, size)
    times = []
    for _ in range(5):
        meter, hold, began = FlashMeter(grid, 30), PixelHold(grid, 30, 240, limit=True), time.process_time()
        hold(planes)
        pictures = hold.small
        made = time.process_time()
        meter.add(pictures)
        times.append((made - began, time.process_time() - made))
    return " + ".join(f"{value / 16 * 1e3:.2f}" for value in np.median(times, axis=0))


@lru_cache
def _mask(folder: Path, name: str) -> NDArray[np.bool_]:
    return np.asarray(Image.open(folder / "masks" / name).convert("RGBA"))[..., 3] > 0


@lru_cache
def _colours(folder: Path, sequence: str) -> NDArray[np.uint8]:
    name = sequence.replace("/", "__").removesuffix(".csv") + ".csv"
    with (folder / "sequences" / name).open() as file:
        return np.array([[int(row[c]) for c in "rgb"] for row in csv.DictReader(file)], np.uint8)


if __name__ == "__main__":
    main()
