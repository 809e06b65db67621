"""Ours against the published code in a checkout that the user has: the same weights, pictures and speed compared.

The checkout's code is run, by the user's wish and under its own licence; nothing of it is in here.
"""

import importlib
import sys
from functools import partial
from types import ModuleType
from typing import Any

import torch

from akma_core.errors import RequestError
from akma_core.networks.picture import to_uint8

from .bench import Bench
from .figure import Figure, Figures, psnr
from .networks import Shape, some_w

NAMES = {"t-1024": "networks_stylegan3", "r-512": "networks_stylegan3", "f-1024": "networks_stylegan2"}
PACKAGE = "training"  # of the checkout, with its networks
LIMIT = 45.0  # dB, as half precision against float32


def check(bench: Bench) -> Figures:
    """Pictures and speed of the classes that the published files of networks name."""
    if bench.versus is None:
        return
    sys.path.insert(0, str(bench.versus))
    # Theirs by path: ours has a package of the same name.
    theirs = ModuleType(PACKAGE)
    theirs.__path__ = [str(bench.versus / PACKAGE)]
    for known in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[known]
    sys.modules[PACKAGE] = theirs
    for name, module in NAMES.items():
        try:
            made: Any = importlib.import_module(f"{PACKAGE}.{module}")
        except ImportError as error:
            message = f"{bench.versus} is no checkout of stylegan3 ({error}): give the folder that has training/"
            raise RequestError(message, field="versus") from None
        yield from _compared(bench, name, made)


@torch.inference_mode()
def _compared(bench: Bench, name: str, published: Any) -> Figures:
    shape = Shape(name)
    ours, config = shape.generator(small=bench.small), shape.config(small=bench.small)
    arguments = {"c_dim": 0, "img_channels": 3} | config
    if shape.kind == "f":
        arguments.pop("output_scale", None)
    theirs = published.Generator(**arguments).eval()
    missing, _ = theirs.load_state_dict(ours.state_dict(), strict=False)
    unknown = [key for key in missing if not key.endswith("_filter")]
    yield Figure(f"{name} weights that the published code has besides", len(unknown), at_most=0)
    a, b = ours.synthesis.to(bench.device), theirs.synthesis.to(bench.device)
    if not bench.small:
        a.use_fp16()
    batch = 1 if bench.small else 4
    w = torch.from_numpy(some_w(batch, ours.w_dim)).to(bench.device)
    ws = w[:, None].expand(-1, ours.num_ws, -1).contiguous()
    options = {"noise_mode": "const"}
    expected = to_uint8(b(ws, **options))
    yield Figure(f"{name} pictures against the published code's", psnr(to_uint8(a(ws)), expected), "dB", at_least=LIMIT)
    mine, others = (bench.seconds(partial(run, ws, **options)) / batch for run in (a, b))
    yield Figure(f"{name} ours, without a graph", mine * 1e3, "ms")
    yield Figure(f"{name} published", others * 1e3, "ms")
    yield Figure(f"{name} times faster", others / mine)
