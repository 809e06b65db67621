"""Train the networks that hear hits, hits-net.npz and notes-net.npz of akma_core/audio/features, from nothing.

    python -m scripts.train_hits clips FOLDER [--count 360] [--seconds 40] [--font FONT.sf2 ...] [--songs FOLDER]
        [--own-kits] [--ensembles [strings ...]]
    python -m scripts.train_hits train FOLDER -o NETWORK.npz [--classes 7] [--notes] [--steps 4000]
        [--start SAMPLED.npz | hits-net.npz:sampled]
    python -m scripts.train_hits pack SAMPLED.npz MIXED.npz -o hits-net.npz

`clips` renders songs with FluidSynth and sound fonts: MIDI files of --songs and random ones of its own; --own-kits
gives half of them synthetic drums, --ensembles makes random songs music without drums. Without a font it needs nothing
but numpy: plain tones and synthetic drums. `train` writes one network; with --notes that is notes-net.npz. `pack` puts
two in a file, hits-net.npz: "sampled", of 6 classes and clips without --own-kits, and "mixed".
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from akma_core.audio.features.drums import CLASSES, NETWORKS

from .batches import SIZE
from .clip import Clip, make_clips
from .ensemble import FAMILIES
from .network import DRUMS, NOTES, SAMPLED, HitNetwork, read_weights
from .training import train

TOLD = 50  # steps


def clips(options: argparse.Namespace) -> None:
    """Write clips, a file each."""
    options.folder.mkdir(parents=True, exist_ok=True)
    songs = sorted(options.songs.rglob("*.mid")) if options.songs else []
    made = make_clips(
        options.count,
        options.seconds,
        options.seed,
        options.font,
        songs,
        own_kits=options.own_kits or not options.font,
        ensembles=options.ensembles,
    )
    for index, clip in enumerate(made):
        clip.save(options.folder / f"{index:05d}.npz")
    print(f"{options.count} clips of {options.seconds:g} s in {options.folder}")


def train_network(options: argparse.Namespace) -> None:
    """Write the weights of a network trained on clips."""
    torch.manual_seed(options.seed)
    network = HitNetwork(NOTES if options.notes else SAMPLED if options.classes < len(CLASSES) else DRUMS)
    if options.start:
        path, _, name = options.start.partition(":")
        network.start_from(read_weights(Path(path), name))
    material = [Clip.load(path) for path in sorted(options.folder.glob("*.npz"))]

    def told(step: int, loss: float) -> None:
        if step % TOLD == 0 or step == options.steps:
            print(f"{step:6d} {loss:.4f}", flush=True)

    train(network, material, options.steps, options.seed, told, options.batch)
    weights = network.weights()
    np.savez_compressed(options.output, **weights)  # type: ignore[arg-type]


def pack(options: argparse.Namespace) -> None:
    """Write hits-net.npz of two networks."""
    packed: dict[str, NDArray[np.float16]] = {}
    for name, path in zip(NETWORKS, (options.sampled, options.mixed), strict=True):
        with np.load(path, allow_pickle=False) as arrays:
            packed |= {f"{name}.{key}": arrays[key] for key in arrays.files}
    np.savez_compressed(options.output, **packed)  # type: ignore[arg-type]


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = made.add_subparsers(required=True)
    one = commands.add_parser("clips")
    one.set_defaults(run=clips)
    one.add_argument("folder", type=Path)
    one.add_argument("--count", type=int, default=360)
    one.add_argument("--seconds", type=float, default=40.0)
    one.add_argument("--font", type=Path, nargs="+", default=[], help="sound fonts, .sf2")
    one.add_argument("--songs", type=Path, help="folder of MIDI files, such as Freedoom's")
    one.add_argument("--own-kits", action="store_true")
    one.add_argument(
        "--ensembles",
        nargs="*",
        choices=FAMILIES,
        metavar="FAMILY",
        help="music without drums, of families of instruments",
    )
    one.add_argument("--seed", type=int, default=0)
    one = commands.add_parser("train")
    one.set_defaults(run=train_network)
    one.add_argument("folder", type=Path, help="of clips")
    one.add_argument("-o", "--output", type=Path, required=True)
    one.add_argument("--classes", type=int, choices=(len(CLASSES) - 1, len(CLASSES)), default=len(CLASSES))
    one.add_argument("--notes", action="store_true", help="the network of notes instead")
    one.add_argument("--steps", type=int, default=4000)
    one.add_argument("--batch", type=int, default=SIZE, help="excerpts of a step")
    one.add_argument("--start", metavar="FILE[:NETWORK]", help="weights to go on from, of train or pack")
    one.add_argument("--seed", type=int, default=0)
    one = commands.add_parser("pack")
    one.set_defaults(run=pack)
    one.add_argument("sampled", type=Path)
    one.add_argument("mixed", type=Path)
    one.add_argument("-o", "--output", type=Path, required=True)
    return made


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parser().parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
