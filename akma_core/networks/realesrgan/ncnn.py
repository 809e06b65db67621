"""Weights in files of ncnn (.param: the layers as text; .bin: their numbers), read strictly.

Only what Real-ESRGAN's files use is accepted, every byte must be accounted for, and nothing is allocated that the files
do not hold.
"""

from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor

from akma_core.errors import RequestError

MAGIC = "7767517"
FLOAT16, FLOAT32 = 0x01306B47, (0, 0x0002C056)  # what a convolution's weights begin with
MAX_LAYERS = 4096  # x4plus has 999
MAX_PARAM = 1 << 20  # bytes; x4plus has 117,030
WITHOUT_WEIGHTS = {"Input", "Split", "Concat", "Eltwise", "BinaryOp", "Interp", "PixelShuffle"}


@dataclass(frozen=True)
class Layer:
    """A layer with weights, in the order of the file."""

    weight: Tensor
    """[out, in, k, k] of a convolution, [channels] of a PReLU; float16 or float32 as stored."""
    bias: Tensor | None
    """[out] float32; None for a PReLU."""


def read_ncnn(param: bytes, data: bytes) -> list[Layer]:
    """The layers with weights of a .param and its .bin; RequestError (code "bad_network") for anything unexpected."""
    if len(param) > MAX_PARAM:
        _refuse("its .param is larger than any Real-ESRGAN's")
    try:
        lines = param.decode("ascii").splitlines()
        counts = lines[1].split()
        if lines[0].strip() != MAGIC or len(counts) != 2 or int(counts[0]) != len(lines) - 2:
            _refuse("its .param does not begin as one")
    except (UnicodeDecodeError, IndexError, ValueError):
        _refuse("its .param is not text of ncnn")
    if len(lines) > MAX_LAYERS:
        _refuse("it has more layers than any Real-ESRGAN")
    reader = _Reader(data)
    layers = [layer for line in lines[2:] if (layer := _layer(line, reader)) is not None]
    if reader.position != len(data):
        _refuse(f"its .bin has {len(data) - reader.position} bytes too many")
    return layers


def name_layers(layers: list[Layer]) -> dict[str, Tensor]:
    """The state dict of SRVGGNetCompact, where there are PReLUs, or else RRDBNet, under upstream's names."""
    if any(layer.bias is None for layer in layers):
        names = [f"body.{k}" for k in range(len(layers))]
    else:
        blocks = max(0, len(layers) - 6) // 15
        names = ["conv_first"]
        names += [f"body.{b}.rdb{r}.conv{c}" for b in range(blocks) for r in (1, 2, 3) for c in range(1, 6)]
        names += ["conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]
    if len(names) != len(layers):
        _refuse("its layers are not those of a Real-ESRGAN network")
    state = {f"{name}.weight": layer.weight for name, layer in zip(names, layers, strict=True)}
    biases = {f"{n}.bias": layer.bias for n, layer in zip(names, layers, strict=True) if layer.bias is not None}
    return state | biases


def _layer(line: str, reader: "_Reader") -> Layer | None:
    words = line.split()
    try:
        kind, blobs = words[0], int(words[2]) + int(words[3])
        if not 0 <= blobs <= len(words) - 4:
            _refuse("a line of its .param names too few blobs")
        options = dict(word.split("=", 1) for word in words[4 + blobs :])
        if kind == "Convolution":
            out, kernel, bias, count = (int(options[key]) for key in ("0", "1", "5", "6"))
        elif kind == "PReLU":
            out, kernel, bias, count = int(options["0"]), 0, 0, 0
        elif kind in WITHOUT_WEIGHTS:
            return None
        else:
            _refuse(f"it has a layer {kind[:40]!a}")
    except (IndexError, KeyError, ValueError):
        _refuse("a line of its .param makes no sense")
    if kind == "PReLU":
        return Layer(reader.numbers(np.dtype("<f4"), out), None)
    if out < 1 or kernel != 3 or bias != 1 or count < 1 or count % (out * 9):
        _refuse("it has a convolution that is not 3x3 with a bias")
    return Layer(reader.weights(count).reshape(out, -1, 3, 3), reader.numbers(np.dtype("<f4"), out))


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def numbers(self, dtype: np.dtype[np.floating | np.unsignedinteger], count: int) -> Tensor:
        start, self.position = self.position, self.position + count * dtype.itemsize
        if count < 1 or self.position > len(self.data):
            _refuse("its .bin is cut short")
        return torch.from_numpy(np.frombuffer(self.data, dtype, count, start).copy())

    def weights(self, count: int) -> Tensor:
        flag = int(self.numbers(np.dtype("<u4"), 1))
        if flag in FLOAT32:
            return self.numbers(np.dtype("<f4"), count)
        if flag != FLOAT16:
            _refuse("its weights are neither float16 nor float32")
        weights = self.numbers(np.dtype("<f2"), count)
        if count % 2:
            self.numbers(np.dtype("<u2"), 1)  # padded to four bytes
        return weights


def _refuse(reason: str) -> NoReturn:
    raise RequestError(f"ncnn network: {reason}; install it again from its source", code="bad_network")
