"""Mutates good network files and reads each result: how many load, are refused, crash; how slow and how large.

    python benchmarks/fuzz_pkl.py --count 20000 --seed 0 FILE...

Files of one format belong together: parts of one are put into another. In a zip of torch.save every other mutation is
of its data.pkl, whose checksum and place are then put right. Prints one line of numbers. Exit code 1 if any mutation
ends in anything but a network or a RequestError, takes more than 2 seconds, or if the process grows by more than
200 MB; such a mutation is then described on its own line.
"""

import argparse
import io
import pickletools
import random
import resource
import sys
import time
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from akma_core.errors import RequestError
from akma_core.networks.pkl.file import ZIP
from akma_core.networks.reader import parse

MAX_SECONDS = 2.0
MAX_GROWTH = 200.0  # MB
OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]
LENGTHS = b"BXTJrjG\x8a\x8c\x8d\x8e\x95C"  # opcodes that a length, an index or a number follows
NUMBERS = [b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\xff\xff\xff\x0f", b"\0\0\0\x80", b"\1\0\0\0"]

Mutation = Callable[[random.Random, bytearray, int, bytes], None]


def flip_bits(rng: random.Random, data: bytearray, at: int, _: bytes) -> None:
    for place in (at, *rng.choices(range(len(data)), k=rng.choice((0, 0, 1, 8, 64)))):
        data[place] ^= 1 << rng.randrange(8)


def truncate(_: random.Random, data: bytearray, at: int, __: bytes) -> None:
    del data[at:]


def splice(rng: random.Random, data: bytearray, at: int, other: bytes) -> None:
    """Inserts a run of another file, or puts it in the place of one."""
    source, size = rng.randrange(len(other)), int(2 ** rng.uniform(0, 14))
    data[at : at + rng.choice((0, size))] = other[source : source + size]


def insert_opcodes(rng: random.Random, data: bytearray, at: int, _: bytes) -> None:
    data[at:at] = b"".join(rng.choices(OPCODES, k=rng.choice((1, 2, 4)))) * rng.choice((1, 1, 1, 10_000))


def edit_length(rng: random.Random, data: bytearray, at: int, _: bytes) -> None:
    while at < len(data) and data[at] not in LENGTHS:
        at += 1
    data[at + 1 : at + 5] = rng.choice(NUMBERS)


MUTATIONS: tuple[Mutation, ...] = (flip_bits, truncate, splice, insert_opcodes, edit_length)


def opcode_starts(data: bytes) -> list[int]:
    """Offsets of opcodes and of the heads of nested streams; changes of weights reach less far."""
    starts: list[int] = []
    stream = io.BytesIO(data)
    while data[stream.tell() : stream.tell() + 1] == b"\x80":  # an old torch file has five pickles, then numbers
        for opcode, _, position in pickletools.genops(stream):
            assert position is not None
            last = min(position + 250, len(data))
            starts += range(position, last, 7) if opcode.name == "BINBYTES" else [position]
    return starts


def structure(data: bytes) -> bytes:
    """The part that is mutated: the whole file, or data.pkl of a zip."""
    return next(value for name, value in members(data) if name.endswith("/data.pkl")) if is_zip(data) else data


def with_structure(data: bytes, changed: bytes) -> bytes:
    """The file with `structure` exchanged."""
    if not is_zip(data):
        return changed
    rest, name = without_structure(data)
    stream = io.BytesIO()
    stream.write(rest)
    with zipfile.ZipFile(stream, "a") as container:
        container.writestr(name, changed)
    return stream.getvalue()


@cache
def without_structure(data: bytes) -> tuple[bytes, str]:
    """A zip without its data.pkl, and that member's name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as container:
        for name, value in members(data):
            if name.endswith("/data.pkl"):
                found = name
            else:
                container.writestr(name, value)
    return stream.getvalue(), found


def members(data: bytes) -> list[tuple[str, bytes]]:
    """Names and bytes of what is in a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as container:
        return [(name, container.read(name)) for name in container.namelist()]


def is_zip(data: bytes) -> bool:
    return data.startswith(ZIP)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--count", type=int, default=20_000, help="mutations in all (default 20000)")
    parser.add_argument("--seed", type=int, default=0, help="what the mutations are drawn from (default 0)")
    options = parser.parse_args()
    originals = [path.read_bytes() for path in options.files]
    structures = [structure(original) for original in originals]
    starts = [opcode_starts(each) for each in structures]
    for original in originals:
        parse(original)
    baseline, loaded, refused, crashed, slowest = peak_mb(), 0, 0, 0, 0.0
    for number in range(options.count):
        rng = random.Random(f"{options.seed}/{number}")
        chosen, mutation = rng.randrange(len(originals)), rng.choice(MUTATIONS)
        inside = not is_zip(originals[chosen]) or rng.random() < 0.5
        data = bytearray((structures if inside else originals)[chosen])
        place = rng.choice((rng.randrange(len(data)), rng.choice(starts[chosen]) if inside else len(data) * 7 // 8))
        mutation(rng, data, place, rng.choice(structures if inside else originals))
        changed = with_structure(originals[chosen], bytes(data)) if inside else bytes(data)
        start = time.perf_counter()
        try:
            parse(changed)
            loaded += 1
        except RequestError:
            refused += 1
        except Exception as error:
            crashed += 1
            print(f"mutation {number} ({mutation.__name__}) crashed: {type(error).__name__}: {error}")
        seconds = time.perf_counter() - start
        slowest = max(slowest, seconds)
        if seconds > MAX_SECONDS:
            print(f"mutation {number} ({mutation.__name__}) took {seconds:.1f} s")
    growth = peak_mb() - baseline
    print(
        f"{options.count} mutations: {loaded} loaded, {refused} refused, {crashed} crashed;"
        f" slowest {slowest:.3f} s, peak {growth:.1f} MB above baseline"
    )
    return int(crashed > 0 or slowest > MAX_SECONDS or growth > MAX_GROWTH)


def peak_mb() -> float:
    """The most resident memory that this process has ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    sys.exit(main())
