"""Official StyleGAN3 containers: the generator's configuration and its weights.

container = read_pkl(path)
config = GeneratorConfig.from_init_kwargs(container.init_kwargs)
check_shapes(container, expected)  # {name: shape} as the configuration implies
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from akma_core.errors import RequestError
from akma_core.networks.pkl.allowlist import Module, Tensor, load_network
from akma_core.networks.pkl.unpickler import bad_network, damaged

MAX_FILE = 1 << 32  # bytes; the largest official training container is about 0.5 GB
MAX_DEPTH = 8  # modules within modules; a generator has 4
MAX_MODULES = 512  # a generator of 14 layers has 35
MAX_TENSORS = 2048  # a generator of 14 layers has about 110
MAX_ATTRIBUTES = 256  # of a module, and of each group in it; a layer has about 60
PART = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)

BEGINNINGS = {
    b"PK": "this is a zip file as torch.save writes; AKMA reads StyleGAN3 .pkl files",
    b"\x80\x02\x8a\x0a": "this is a PyTorch checkpoint; AKMA reads StyleGAN3 .pkl files",
    b"<": "this is a web page; open its address in a browser and download the file itself",
    b"version https://git-lfs": "this is a Git LFS pointer; fetch the network with `git lfs pull`",
    b"\x1f\x8b": "this is compressed with gzip; unpack it first",
}


class Range(NamedTuple):
    """Check a setting: an int or, unless `whole`, a float within low..high; None if `optional`."""

    low: float
    high: float
    whole: bool = True
    optional: bool = False

    def holds(self, value: object) -> bool:
        if type(value) is int or (type(value) is float and not self.whole):
            return self.low <= value <= self.high
        return value is None and self.optional


KWARGS = {
    "z_dim": Range(1, 8192),
    "c_dim": Range(0, 8192),
    "w_dim": Range(1, 8192),
    "img_resolution": Range(16, 4096),
    "img_channels": Range(1, 64),
    "channel_base": Range(1, 2**24),
    "channel_max": Range(1, 4096),
    "conv_kernel": Range(1, 7),
    "num_layers": Range(3, 64),
    "num_critical": Range(0, 63),
    "first_cutoff": Range(1e-3, 4096, whole=False),
    "first_stopband": Range(1e-3, 4096, whole=False),
    "last_stopband_rel": Range(1e-3, 16, whole=False),
    "margin_size": Range(0, 64),
    "output_scale": Range(1e-6, 1e6, whole=False),
    "num_fp16_res": Range(0, 16),
    "conv_clamp": Range(1e-6, 1e6, whole=False, optional=True),
    "filter_size": Range(1, 16),
    "lrelu_upsampling": Range(1, 8),
    "magnitude_ema_beta": Range(0, 1, whole=False),
}
MAPPING_KWARGS = {
    "num_layers": Range(1, 64),
    "lr_multiplier": Range(1e-6, 100, whole=False),
    "w_avg_beta": Range(0, 1, whole=False, optional=True),
}


@dataclass(frozen=True, eq=False)
class Container:
    """A generator (G_ema) as plain data."""

    kind: Literal["stylegan3"]
    init_kwargs: dict[str, object]
    """Constructor arguments as stored: bool, int, float, None, and a dict of those, `mapping_kwargs`."""
    state_dict: dict[str, NDArray[Any]]
    """Every parameter and buffer by dotted name: finite floats, C-contiguous, own memory, dtype as stored
    (bfloat16, which numpy lacks, as float32)."""


def read_pkl(path: Path) -> Container:
    """The generator of an official .pkl file, read as data in about twice its size of memory.

    Raises RequestError (code "bad_network") that names the file and says what is wrong with it.
    """
    try:
        return parse_pkl(_read(path))
    except OSError as error:
        raise bad_network(f"{path}: it cannot be read ({error.strerror}); check its permissions") from error
    except RequestError as error:
        raise bad_network(f"{path}: {error}") from error


def parse_pkl(data: bytes) -> Container:
    """The generator in the bytes of an official .pkl file; RequestError (code "bad_network") if there is none."""
    _check_beginning(data)
    root = load_network(memoryview(data))
    if type(root) is not dict or type(root.get("G_ema")) is not Module:
        raise bad_network("it holds no generator G_ema; give a network snapshot of StyleGAN3")
    generator: Module = root["G_ema"]
    tensors = dict(_tensors(generator))
    if "synthesis.b4.const" in tensors:
        raise bad_network("this is a StyleGAN2-ADA network; AKMA reads StyleGAN3")
    if generator.class_name != "Generator" or "synthesis.input.freqs" not in tensors:
        raise bad_network("its G_ema is not a generator of StyleGAN3; AKMA reads StyleGAN3")
    init_kwargs = _init_kwargs(generator)
    if sum(math.prod(t.shape) * t.storage.dtype.itemsize for t in tensors.values()) > len(data):
        raise damaged("its tensors together are larger than the file")
    return Container("stylegan3", init_kwargs, {name: _array(name, t) for name, t in tensors.items()})


def check_shapes(container: Container, expected: Mapping[str, tuple[int, ...]]) -> None:
    """RequestError unless the state dict has exactly the expected names, each with the expected shape."""
    found = {name: array.shape for name, array in container.state_dict.items()}
    for names, what in (
        (expected.keys() - found.keys(), "lacks"),
        (found.keys() - expected.keys(), "has unknown"),
    ):
        if names:
            some = ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
            raise bad_network(f"the network {what} tensors ({some}): it is not the StyleGAN3 that its settings say")
    for name, shape in expected.items():
        if found[name] != shape:
            raise bad_network(f"the network's {name} has shape {found[name]}, but its settings imply {shape}")


def _read(path: Path) -> bytes:
    if path.is_dir():
        raise bad_network("this is a folder; give the .pkl file in it")
    if not path.exists():
        raise bad_network("there is no such file; check the path")
    if not path.is_file():
        raise bad_network("this is not a regular file; save the network to one")
    # Read, not mapped: another process that cuts a mapped file short kills this one.
    with path.open("rb") as file:
        _check_beginning(file.read(64))
        size = file.seek(0, 2)
        if size > MAX_FILE:
            raise bad_network(f"its {size} bytes are more than any StyleGAN3 network has; give one network")
        file.seek(0)
        return file.read(size)


def _check_beginning(data: bytes) -> None:
    if not data:
        raise bad_network("it is empty; download it again")
    for beginning, reason in BEGINNINGS.items():
        if data[:64].lstrip().startswith(beginning):
            raise bad_network(reason)
    if data[8:9] == b"{" and data[6:8] == b"\0\0":
        raise bad_network("this is a safetensors file; AKMA reads StyleGAN3 .pkl files")
    if data[0] != 0x80:
        raise bad_network("this is not a network; AKMA reads StyleGAN3 .pkl files")


def _tensors(root: Module) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in the module graph with its dotted name. The graph must be a small tree."""
    waiting, seen, found = [("", 0, root)], {id(root)}, 0
    while waiting:
        prefix, depth, module = waiting.pop()
        _check_hooks(module)
        children, parameters, buffers = (_group(module, key) for key in ("_modules", "_parameters", "_buffers"))
        if len(children.keys() | parameters.keys() | buffers.keys()) < len(children) + len(parameters) + len(buffers):
            raise damaged("two parts of a module have one name")
        for name, child in children.items():
            if type(child) is not Module or id(child) in seen or depth >= MAX_DEPTH or len(seen) >= MAX_MODULES:
                raise damaged("its modules do not form a small tree")
            seen.add(id(child))
            waiting.append((f"{prefix}{name}.", depth + 1, child))
        for name, tensor in (parameters | buffers).items():
            if type(tensor) is not Tensor or (found := found + 1) > MAX_TENSORS:
                raise damaged("its weights are not a small number of tensors")
            yield prefix + name, tensor


def _group(module: Module, key: str) -> dict[str, Any]:
    """The named children, parameters or buffers of a module, without those that are None."""
    group = module.state.get(key, {})
    if type(group) is not dict or len(group) > MAX_ATTRIBUTES or not all(map(PART.fullmatch, group)):
        raise damaged("a part of a module has an impossible name")
    return {name: value for name, value in group.items() if value is not None}


def _check_hooks(module: Module) -> None:
    if len(module.state) > MAX_ATTRIBUTES:
        raise damaged("a module has too many attributes")
    for name, value in module.state.items():
        if name.endswith("_hooks") and value:
            raise bad_network("it has a module with hooks, which StyleGAN never writes; do not trust it")


def _init_kwargs(generator: Module) -> dict[str, object]:
    """The constructor arguments, each checked before anything is computed from it."""
    if generator.state.get("_init_args", ()) != ():
        raise damaged("its generator has unnamed arguments")
    stored = generator.state.get("_init_kwargs")
    if type(stored) is not dict:
        raise damaged("its generator's arguments are missing")
    kwargs = dict(stored)
    mapping, radial = kwargs.pop("mapping_kwargs", {}), kwargs.pop("use_radial_filters", False)
    if type(mapping) is not dict or type(radial) is not bool:
        raise damaged("mapping_kwargs or use_radial_filters is not what it should be")
    for given, known in ((kwargs, KWARGS), (mapping, MAPPING_KWARGS)):
        for name, value in given.items():
            if name not in known or not known[name].holds(value):
                raise bad_network(f"its setting {name[:60]!a} is unknown or out of range; AKMA cannot run it")
    missing = {"z_dim", "c_dim", "w_dim", "img_resolution"} - kwargs.keys()
    if missing:
        raise bad_network(f"its settings lack {min(missing)}; save it again with the official StyleGAN3")
    if kwargs["img_resolution"].bit_count() != 1:
        raise bad_network("its img_resolution is not a power of two; AKMA cannot run it")
    if kwargs.get("num_critical", 2) >= kwargs.get("num_layers", 14):
        raise bad_network("its num_critical is not below its num_layers; AKMA cannot run it")
    return stored


def _array(name: str, tensor: Tensor) -> NDArray[Any]:
    """The tensor's numbers in memory of their own."""
    dtype = tensor.storage.dtype
    strides = [step * dtype.itemsize for step in tensor.stride]
    view: NDArray[Any] = np.ndarray(tensor.shape, dtype, tensor.storage.data, tensor.offset * dtype.itemsize, strides)
    array = np.array(view, order="C", copy=True)
    if dtype.kind == "V":
        # bfloat16 is the upper half of a float32.
        array = (array.view("<u2").astype("<u4") << 16).view("<f4")
    if array.dtype.kind != "f" or not array.size:
        raise damaged(f"{name} is not a tensor of floats")
    if not np.isfinite(array).all():
        raise bad_network(f"{name} holds NaN or infinity, the training had failed; take an earlier snapshot")
    return array
