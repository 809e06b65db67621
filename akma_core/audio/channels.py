"""Channels of a song mixed to the one signal that makes the curve."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np

from akma_core.audio.file import Block, bad_audio

Channels = Literal["mean", "left", "right", "mid", "side", "loudest"]


def mix_of(path: Path, channels: Channels, count: int) -> Callable[[Block], Block]:
    """Mix of a block [n, count] to [n, 1], of its own type; RequestError where the song is mono and has no side.

    left, right: the first and the second; a mono song is both. mid, side: half of their
    sum and of their difference. loudest: at each sample the channel that is farthest from 0.
    """
    if channels == "side" and count < 2:
        raise bad_audio(path, "is mono and has no side: choose another one of channels", "audio_unsupported")
    return {"left": _left, "right": _right, "mid": _mid, "side": _side, "loudest": _loudest}[channels]


def _left(block: Block) -> Block:
    return block[:, :1]


def _right(block: Block) -> Block:
    return block[:, 1:2] if block.shape[1] > 1 else block


def _mid(block: Block) -> Block:
    # Halves first: integers of full scale would overflow.
    return _halved(block[:, :1]) + _halved(_right(block))


def _side(block: Block) -> Block:
    return _halved(block[:, :1]) - _halved(block[:, 1:2])


def _halved(block: Block) -> Block:
    return block / block.dtype.type(2) if block.dtype.kind == "f" else block // 2


def _loudest(block: Block) -> Block:
    loud = block[:, :1]
    for channel in range(1, block.shape[1]):
        other = block[:, channel : channel + 1]
        loud = np.where(np.abs(other) > np.abs(loud), other, loud)
    return loud
