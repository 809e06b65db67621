"""The two networks of Real-ESRGAN: tell which one a state dict is, and load it."""

import math
import re
from collections.abc import Mapping
from typing import NoReturn

import torch
from torch import Tensor

from akma_core.errors import RequestError

from .rrdb import RRDBNet
from .srvgg import SRVGGNetCompact

Network = SRVGGNetCompact | RRDBNet

MAX_FEAT, MAX_GROW = 256, 128  # channels; the official networks have 64 and 32
MAX_DEPTH = 128  # convolutions of SRVGGNetCompact, blocks of RRDBNet; the official ones have at most 34 and 23


def build(state: Mapping[str, Tensor]) -> Network:
    """The network with these weights in float32, ready for inference, on the CPU.

    RequestError (code "bad_network") unless the state dict is exactly that of an SRVGGNetCompact or RRDBNet with RGB in
    and out, its numbers finite. Nothing is computed from a tensor before its shape is known to be right.
    """
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    with torch.device("meta"):  # neither memory nor random numbers are spent on weights about to be replaced
        network = _infer(shapes)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    for name, shape in expected.items():
        if shapes.get(name) != shape:
            _refuse(f"{name} should have shape {shape}, found {shapes.get(name, 'nothing')}")
    if extra := sorted(shapes.keys() - expected.keys()):
        _refuse(f"{extra[0][:60]!a} belongs to no {type(network).__name__}")
    for name, value in state.items():
        if not value.is_floating_point() or value.layout is not torch.strided or value.device.type != "cpu":
            _refuse(f"{name} is not a plain tensor of floats")
        if not torch.isfinite(value).all():
            _refuse(f"{name} holds NaN or infinity, the training had failed")
    weights = {name: value.detach().to(torch.float32, copy=True) for name, value in state.items()}
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(False).eval()


def _infer(shapes: Mapping[str, tuple[int, ...]]) -> Network:
    first = shapes.get("conv_first.weight", shapes.get("body.0.weight", ()))
    if len(first) != 4 or not 1 <= first[0] <= MAX_FEAT:
        _refuse("it is neither SRVGGNetCompact nor RRDBNet, the networks of Real-ESRGAN")
    indices = {int(found[1]) for name in shapes if (found := re.match(r"body\.([0-9]{1,3})\.", name))}
    depth = len(indices)
    if indices != set(range(depth)) or not 1 <= depth <= 2 * MAX_DEPTH + 3:
        _refuse("its layers are not numbered as those of Real-ESRGAN")
    if "conv_first.weight" in shapes:
        grow = shapes.get("body.0.rdb1.conv1.weight", (0,))[0]
        if depth > MAX_DEPTH or not 1 <= grow <= MAX_GROW or first[1] not in (3, 12):
            _refuse("it is no RRDBNet of scale 4 or 2")
        return RRDBNet(first[0], depth, grow, 4 if first[1] == 3 else 2)
    outputs = shapes.get(f"body.{depth - 1}.weight", (0,))[0]
    scale = math.isqrt(outputs // 3)
    if depth < 3 or depth % 2 == 0 or not 1 <= scale <= 4 or outputs != 3 * scale**2:
        _refuse("it is no SRVGGNetCompact of scale 1 to 4")
    return SRVGGNetCompact(first[0], (depth - 3) // 2, scale)


def _refuse(reason: str) -> NoReturn:
    raise RequestError(f"not a Real-ESRGAN network: {reason}; take an official file", code="bad_network")
