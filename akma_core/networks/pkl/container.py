"""Reads the data of a PyTorch container: the generator G_ema, its constructor arguments and its tensors."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .allowlist import Module
from .torch_types import Tensor
from .unpickler import bad_network, damaged, is_name

MAX_DEPTH = 8  # modules within modules; a generator has 4
MAX_MODULES = 512  # a generator of 14 layers has 35
MAX_TENSORS = 2048  # a generator of 14 layers has about 110
MAX_ATTRIBUTES = 256  # of a module, and of each group in it; a layer has about 60
PART = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
OTHERS = {
    "SuperresGenerator": "a StyleGAN-XL network",
    "TriPlaneGenerator": "an EG3D network",
}
STYLEGAN_XL = ("rand_embedding", "path_stem", "head_layers", "up_factor")
"""Arguments that only StyleGAN-XL's generators take."""


@dataclass(frozen=True, eq=False)
class PickledGenerator:
    """G_ema as plain data, unchecked but for its form."""

    init_kwargs: dict[str, Any]
    """Constructor arguments as stored."""
    modules: dict[str, Module]
    """Every module by dotted name; "" is the generator itself."""
    tensors: dict[str, Tensor]
    """Every parameter and buffer by dotted name."""


def generator_of(root: object) -> PickledGenerator:
    """The generator in what a container holds; RequestError, which names what else it is, where there is none."""
    if type(root) is not dict or type(root.get("G_ema")) is not Module:
        raise bad_network("it holds no generator G_ema; give a network snapshot of StyleGAN2 or StyleGAN3")
    generator: Module = root["G_ema"]
    modules = dict(_modules(generator))
    tensors = dict(_tensors(modules))
    stored, arguments = generator.state.get("_init_kwargs"), generator.state.get("_init_args", ())
    _check_class(generator.class_name, tensors, stored)
    if arguments != ():
        raise damaged("its generator has unnamed arguments")
    if type(stored) is not dict or not all(map(is_name, stored)):
        raise damaged("its generator's arguments are missing")
    return PickledGenerator(stored, modules, tensors)


def _check_class(name: str, tensors: dict[str, Tensor], stored: object) -> None:
    what = OTHERS.get(name)
    given = set(stored) if type(stored) is dict else set()
    mapping = stored.get("mapping_kwargs") if type(stored) is dict else None
    given |= set(mapping) if type(mapping) is dict else set()
    if given & set(STYLEGAN_XL) or any(key.startswith("mapping.embed_proj.") for key in tensors):
        what = "a StyleGAN-XL network"
    if "WidthPerStage" in given or any(key.startswith("Model.") for key in tensors):
        what = "an R3GAN network"
    if what:
        raise bad_network(f"this is {what}; AKMA reads StyleGAN2 and StyleGAN3")
    if name != "Generator" or not tensors.keys() & {"synthesis.b4.const", "synthesis.input.freqs"}:
        raise bad_network(f"its G_ema ({name[:40]!a}) is not a generator of StyleGAN2 or StyleGAN3")


def _modules(root: Module) -> Iterator[tuple[str, Module]]:
    """Every module of the graph with its dotted name. The graph must be a small tree."""
    waiting, seen = [("", 0, root)], {id(root)}
    while waiting:
        name, depth, module = waiting.pop()
        _check_hooks(module)
        yield name, module
        for part, child in _group(module, "_modules").items():
            if type(child) is not Module or id(child) in seen or depth >= MAX_DEPTH or len(seen) >= MAX_MODULES:
                raise damaged("its modules do not form a small tree")
            seen.add(id(child))
            waiting.append((f"{name}.{part}" if name else part, depth + 1, child))


def _tensors(modules: dict[str, Module]) -> Iterator[tuple[str, Tensor]]:
    found = 0
    for prefix, module in modules.items():
        children, parameters, buffers = (_group(module, key) for key in ("_modules", "_parameters", "_buffers"))
        if len(children.keys() | parameters.keys() | buffers.keys()) < len(children) + len(parameters) + len(buffers):
            raise damaged("two parts of a module have one name")
        for name, tensor in (parameters | buffers).items():
            if type(tensor) is not Tensor or (found := found + 1) > MAX_TENSORS:
                raise damaged("its weights are not a small number of tensors")
            yield f"{prefix}.{name}" if prefix else name, tensor


def _group(module: Module, key: str) -> dict[str, Any]:
    """The named children, parameters or buffers of a module, without those that are None."""
    group = module.state.get(key, {})
    if type(group) is not dict or len(group) > MAX_ATTRIBUTES or not all(map(_is_part, group)):
        raise damaged("a part of a module has an impossible name")
    return {name: value for name, value in group.items() if value is not None}


def _is_part(name: object) -> bool:
    return type(name) is str and 0 < len(name) <= 64 and PART.issuperset(name)


def _check_hooks(module: Module) -> None:
    if len(module.state) > MAX_ATTRIBUTES:
        raise damaged("a module has too many attributes")
    for name, value in module.state.items():
        if type(name) is str and name.endswith("_hooks") and value:
            raise bad_network("it has a module with hooks, which StyleGAN never writes; do not trust it")
