"""`python -m training folder`: a network of one's own pictures, from scratch or from a network that is there."""

import argparse
import itertools
import tempfile
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from akma_core import registry
from akma_core.cli.options import Commands
from akma_core.errors import RequestError
from akma_core.networks.card import NetworkCard
from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.file import load
from akma_core.networks.stylegan3.generator import Generator
from akma_core.storage import Storage

from .arguments import add_common, config_of, ended, opened, options_of
from .distance import Distance
from .pictures import FolderPictures
from .pool import PicturePool, nominal
from .trainer import Trainer

LEAST = 16
"""Pictures that a training needs; with fewer there is nothing to learn but they themselves."""
SHEET = 16
MEASURED = {"cpu": 128, "cuda": 1000}
"""Pictures whose distance is measured."""
BATCH = 16
"""Pictures that are read at a time where there are more than are kept."""
TARGET = 0.6


def add(commands: Commands) -> None:
    """Declare the command."""
    parser = commands.add_parser("folder", help="train on a folder of pictures", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="pictures, also in folders below it")
    add_common(parser, save_every=120)
    parser.add_argument("--from", dest="origin", metavar="NETWORK", help="a StyleGAN3: name, file or folder")
    parser.add_argument("--name", default="trained", help="name on the network's card (default: trained)")
    parser.add_argument("--mirror", action="store_true", help="each picture from side to side too")
    parser.add_argument("--r1-gamma", type=float, default=1.0, help="weight of the gradient penalty (default: 1)")
    parser.add_argument("--no-augment", action="store_true", help="show the discriminator the pictures as they are")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, started: float) -> None:
    """Train until the time is over."""
    target = None if arguments.no_augment else TARGET
    options = options_of(arguments, r1_gamma=arguments.r1_gamma, augment_target=target)
    registry.check_name(arguments.name)
    if arguments.out.resolve().is_relative_to(arguments.folder.resolve()):
        raise RequestError(f"--out {arguments.out} is among the pictures: give a folder elsewhere", field="out")
    # Of broken tags, and of sizes that are refused. Once, since pictures are read beside the training too.
    warnings.filterwarnings("ignore", module="PIL")
    pictures = FolderPictures(arguments.folder, arguments.size, arguments.seed)
    with opened(options) as facts, ThreadPoolExecutor(1) as reader:
        if ended(options, facts):
            return
        torch.manual_seed(arguments.seed + (facts["step"] if facts else 0))
        generator = _generator(arguments, facts)
        pool, more = _pool(arguments, pictures)
        refill = Refill(reader, pool, more) if more else lambda: None
        count = min(MEASURED[torch.device(options.device).type], len(pool))
        real = nominal(pool.pictures[:count])
        half = len(real) // 2
        apart = Distance(real[:half]).of(real[half:])
        print(
            f"ready after {time.monotonic() - started:.1f} s with {len(pool)} pictures, {pictures.left_out} left out; "
            f"distance of one half of {2 * half} from the other: {apart:.3f}", flush=True,
        )  # fmt: skip
        random = torch.Generator().manual_seed(arguments.seed)
        sheet_z = torch.randn(SHEET, generator.z_dim, generator=random)
        card = {"name": arguments.name, "note": f"Trained on {len(pool)} pictures."}
        trainer = Trainer(
            options, generator, pool, refill, sheet_z, real[:SHEET], paired=False, facts=card, started=started,
            distance=Distance(real),
        )  # fmt: skip
        if facts:
            trainer.resume(facts)
        trainer.run()
    print(f"ended after {time.monotonic() - started:.1f} s: {trainer.step} steps", flush=True)


def _generator(arguments: argparse.Namespace, facts: dict[str, Any] | None) -> Generator:
    """As the earlier run had it, else the network to begin from, else a new one."""
    if arguments.origin is None:
        return Generator(config_of(arguments), compiled=False)
    if facts is not None:  # what it began from may be gone
        return Generator(GeneratorConfig.model_validate(facts["config"]), compiled=False)
    origin = arguments.origin
    with tempfile.TemporaryDirectory() as kept:
        folder, card = registry.resolve(origin, partial(_fetched, Path(kept)))
        if card.kind != "stylegan3" or card.classes:
            what = "has classes" if card.kind == "stylegan3" else f"is a {card.kind}"
            raise RequestError(f"{origin} {what}: --from takes a StyleGAN3 without classes", field="from")
        if (card.width, card.height) != (arguments.size, arguments.size):
            raise RequestError(f"{origin} makes {card.width}x{card.height}: give --size {card.width}", field="from")
        generator = load(folder)
    if generator.img_channels != 3:
        raise RequestError(f"{origin} makes no RGB pictures", field="from")
    return generator


def _fetched(folder: Path, storage: Storage, card: NetworkCard) -> Path:
    registry.fetch(storage, card, folder)
    return folder


def _pool(
    arguments: argparse.Namespace, pictures: FolderPictures
) -> tuple[PicturePool, Iterator[NDArray[np.uint8]] | None]:
    """As many pictures as are to be kept; then an iterator where there are more."""
    files = len(pictures.files)
    capacity = min(arguments.pool, files)
    pool = PicturePool(capacity, arguments.size, torch.device(arguments.device), mirrored=arguments.mirror)
    reading = pictures.once()
    for picture in itertools.islice(reading, capacity):
        pool.add(picture[None], torch.zeros(1, 0))
    if len(pool) < min(LEAST, arguments.pool):
        message = f"{len(pool)} of {files} files in {pictures.folder} can be used: {LEAST} pictures are needed"
        raise RequestError(message, code="no_pictures", field="folder")
    following = next(reading, None)
    if following is None:
        return pool, None
    return pool, itertools.chain([following], reading, pictures.endless())


class Refill:
    """Reads pictures beside the training and puts them into the pool, some at a time."""

    def __init__(self, reader: ThreadPoolExecutor, pool: PicturePool, more: Iterator[NDArray[np.uint8]]) -> None:
        self._reader, self._pool, self._more = reader, pool, more
        self._read: Future[list[NDArray[np.uint8]]] = reader.submit(self._next)

    def __call__(self) -> None:
        """Take what has been read."""
        if self._read.done() and (read := self._read.result()):
            self._pool.add(np.stack(read), torch.zeros(len(read), 0))
            self._read = self._reader.submit(self._next)

    def _next(self) -> list[NDArray[np.uint8]]:
        return list(itertools.islice(self._more, BATCH))
