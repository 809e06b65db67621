"""Memory: what a batch takes beside what its size was reckoned from, and what happens where it runs out."""

import torch
from torch import Tensor

from akma_core.networks import kinds
from runners.batching import SHARE, WORKSPACE
from runners.network import NetworkRunner, device_part

from .bench import Bench
from .figure import Figure, Figures, differing
from .networks import Shape, folder_of, some_w

NAMES = ("ink", "t-1024", "r-1024", "f-1024")
TOO_MUCH = 0.3  # of the whole memory, for each picture: two fit and four do not


def peak(bench: Bench) -> Figures:
    """Peak of a batch against the rule's reckoning, and against its share of the memory."""
    for name in NAMES[1:] if bench.small else NAMES:
        folder, card = folder_of(Shape(name), bench)
        batch = 1 if bench.small else device_part(bench.device, card).batch
        before = bench.forget_peak()
        runner = NetworkRunner(folder, bench.device, batch, bench.dtype_name)
        runner.pictures(some_w(batch, int(card.config["w_dim"])))
        bench.wait()
        taken = bench.peak() - before
        reckoned = batch * kinds.of(card).largest_layer(card.config) * WORKSPACE
        yield Figure(f"{name} batch {batch}, peak", taken / 1e9, "GB")
        yield Figure(f"{name} batch {batch}, peak of the rule's {reckoned / 1e9:.3g} GB", taken / reckoned)
        # On a CPU the process itself is most of it, and no batch is reckoned.
        yield Figure(f"{name} batch {batch}, share of the memory", taken / bench.memory, at_most=SHARE)
        del runner


def runs_out(bench: Bench) -> Figures:
    """A batch that memory does not hold is split, says so, and gives the pictures of the smaller batch."""
    folder, card = folder_of(Shape("t-256" if bench.small else "ink"), bench)
    w = some_w(4, int(card.config["w_dim"]))
    each = int(bench.memory * TOO_MUCH)

    def greedy(rgb: Tensor) -> Tensor:
        held = torch.empty(len(rgb) * each, dtype=torch.uint8, device=bench.device)
        return rgb + held[:1].mul(0)

    runner = NetworkRunner(folder, bench.device, 4, bench.dtype_name, greedy)
    got = runner.pictures(w)
    split = sum("memory ran out" in note for note in runner.notes)
    yield Figure("batches of 4 that were split", split, at_least=1)
    del runner
    halves = NetworkRunner(folder, bench.device, 2, bench.dtype_name)
    expected = torch.cat([halves.pictures(w[:2]), halves.pictures(w[2:])])
    yield Figure("values other than in batches of 2", differing(got, expected), at_most=0)
