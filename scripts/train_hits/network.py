"""The networks as they are trained: what akma_core.audio.features.convolutions runs in numpy, in PyTorch."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from akma_core.audio.features import bands, drums, notes
from akma_core.audio.features.convolutions import LEVEL_CONTEXT, WIDTH, Dilations

AROUND = 2  # frames
LEVEL_STEP = 10  # frames between those that the mean level is taken of

Weights = dict[str, NDArray[np.float16]]


@dataclass(frozen=True)
class Ear:
    """What a network hears, and with how much."""

    classes: tuple[str, ...]
    """Of drums.CLASSES."""
    dilations: Dilations
    channels: int
    gain: float
    """Of the levels' logarithm."""
    shift: int
    """Bands by which training moves what it hears, up to so many."""
    rate: float = 2e-3
    """Of learning."""
    positive: float = 2.0
    """Weight of a stroke against a frame without one."""
    around: float = 0.0
    """Label of frames as far as AROUND from a stroke's own."""


DRUMS = Ear(drums.CLASSES, drums.DILATIONS, 32, bands.GAIN, 3)
SAMPLED = Ear(drums.CLASSES[:-1], drums.DILATIONS, 32, bands.GAIN, 3)
NOTES = Ear(("note",), notes.DILATIONS, 48, notes.GAIN, 12, rate=3e-3, positive=3.0, around=0.25)


class HitNetwork(nn.Module):
    """Dilated convolutions over time and one of width 1: [batch, 2 BANDS, frames] -> logits of the classes."""

    def __init__(self, ear: Ear = DRUMS) -> None:
        super().__init__()
        self.ear = ear
        self.layers = nn.ModuleDict()
        channels = 2 * bands.BANDS
        for name, dilation in ear.dilations.items():
            pad = (WIDTH - 1) // 2 * dilation
            self.layers[name] = nn.Conv1d(channels, ear.channels, WIDTH, dilation=dilation, padding=pad)
            channels = ear.channels
        self.layers["out"] = nn.Conv1d(channels, len(ear.classes), 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [batch, classes, frames]."""
        for name in self.ear.dilations:
            x = F.relu(self.layers[name](x))
        logits: Tensor = self.layers["out"](x)
        return logits

    def weights(self) -> Weights:
        """Its weights by the names of hits-net.npz, float16."""
        return {name.removeprefix("layers."): value.half().numpy() for name, value in self.state_dict().items()}

    def start_from(self, weights: dict[str, NDArray[np.floating]]) -> None:
        """Take over a network of as many classes or fewer; a class that it lacks starts as kick and snare."""
        with torch.no_grad():
            for name, value in self.state_dict().items():
                given = torch.from_numpy(weights[name.removeprefix("layers.")].astype(np.float32))
                value[: len(given)] = given
                if len(given) < len(value):
                    value[len(given) :] = given[:2].mean(0)


def inputs(levelled: Tensor, gain: float = bands.GAIN) -> Tensor:
    """Make a network's input of levelled bands [batch, frames, BANDS]: [batch, 2 BANDS, frames - 2 LEVEL_CONTEXT].

    As akma_core.audio.features.convolutions.inputs makes it.
    """
    levels = torch.log10(1 + gain * levelled)
    last = F.pad(levels, (0, 0, 1, 0))[:, :-1]
    grown = F.relu(levels - F.max_pool1d(last, 3, 1, 1))
    frames = levels.shape[1] - 2 * LEVEL_CONTEXT
    coarse = levels[:, LEVEL_STEP // 2 :: LEVEL_STEP].transpose(1, 2)
    mean = F.avg_pool1d(coarse, 2 * LEVEL_CONTEXT // LEVEL_STEP, 1).repeat_interleave(LEVEL_STEP, 2)[:, :, :frames]
    inner = slice(LEVEL_CONTEXT, LEVEL_CONTEXT + frames)
    return torch.cat([levels[:, inner].transpose(1, 2) - mean, grown[:, inner].transpose(1, 2)], 1)


def read_weights(path: Path, network: str) -> dict[str, NDArray[np.floating]]:
    """Weights of one network, such as "sampled", in a file as hits-net.npz; "": of a file with one network."""
    prefix = f"{network}." if network else ""
    with np.load(path, allow_pickle=False) as arrays:
        return {name.removeprefix(prefix): arrays[name] for name in arrays.files if name.startswith(prefix)}
