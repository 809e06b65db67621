"""Whole tiny StyleGAN2 networks in the files of three code bases, and each with one thing changed.

The translations here go the other way than the readers', and are written apart from them.
"""

import io
import math
import pickle
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from akma_core.networks.stylegan2.config import GeneratorConfig
from tests.support import pickles
from tests.support.pickles import Call, Name, dump

Weights = dict[str, NDArray[np.float32]]

SETTINGS: dict[str, Any] = {"z_dim": 4, "w_dim": 4, "img_resolution": 16, "channel_max": 2, "mapping_layers": 2}
NETWORK = Name("dnnlib.tflib.network", "Network")


def weights_of(**settings: Any) -> Weights:
    """Random weights of a tiny network, by canonical name."""
    rng = np.random.default_rng(0)
    shapes = GeneratorConfig(**SETTINGS | settings).shapes()
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


# --- PyTorch


def nested_kwargs(**synthesis: Any) -> dict[str, Any]:
    """The arguments of the tiny network in the dialect of stylegan2-ada-pytorch."""
    given = {"z_dim": 4, "c_dim": 0, "w_dim": 4, "img_resolution": 16, "img_channels": 3}
    return given | {"mapping_kwargs": {"num_layers": 2}, "synthesis_kwargs": {"channel_max": 2} | synthesis}


def flat_kwargs(**synthesis: Any) -> dict[str, Any]:
    """The same in the dialect of stylegan3's networks_stylegan2."""
    kwargs = nested_kwargs(**synthesis)
    rest: dict[str, Any] = kwargs.pop("synthesis_kwargs")
    return kwargs | rest


def container(
    weights: Weights | None = None,
    kwargs: object = None,
    states: dict[str, dict[str, object]] | None = None,
    tensors: dict[str, object] | None = None,
) -> bytes:
    """A .pkl of PyTorch. `states` adds attributes to modules by their dotted names, `tensors` replaces weights."""
    leaves: dict[str, object] = {name: pickles.tensor(array) for name, array in (weights or weights_of()).items()}
    leaves |= tensors or {}
    arguments = {"_init_args": (), "_init_kwargs": nested_kwargs() if kwargs is None else kwargs}
    given = states or {}
    return pickles.container(_module("", leaves, given | {"": arguments | given.get("", {})}))


def _module(path: str, leaves: dict[str, object], states: dict[str, dict[str, object]]) -> Call:
    parts: dict[str, dict[str, object]] = {}
    buffers: dict[str, object] = {}
    for name, leaf in leaves.items():
        part, dot, rest = name.partition(".")
        if dot:
            parts.setdefault(part, {})[rest] = leaf
        else:
            buffers[part] = leaf
    modules: dict[str, object] = {
        part: _module(f"{path}.{part}".lstrip("."), inside, states) for part, inside in parts.items()
    }
    kind = "Module" if path else "Generator"
    return pickles.plain_module(kind, buffers=buffers, modules=modules, state=states.get(path))


# --- TensorFlow

STATIC: dict[str, Any] = {
    **{"latent_size": 4, "dlatent_size": 4, "resolution": 16, "num_channels": 3, "fmap_max": 2, "mapping_layers": 2},
    **{"mapping_fmaps": 4, "truncation_psi": 0.5},
}


def array(values: NDArray[Any], code: str = "f4", shape: object = None, raw: object = None) -> Call:
    """A variable of shape () is a scalar, as TensorFlow gives it."""
    data = values.tobytes() if raw is None else raw
    if values.ndim == 0 and shape is None:
        return Call(pickles.SCALAR, (pickles.dtype(code), data))
    return pickles.ndarray(code, values.shape if shape is None else shape, data)


def variables(weights: Weights) -> dict[str, dict[str, object]]:
    """The variables of Gs ("") and of its components, by TensorFlow's names."""
    zero = array(np.zeros((), np.float32))
    found: dict[str, dict[str, object]] = {"": {"lod": zero}, "synthesis": {}, "mapping": {}}
    for name, value in weights.items():
        part, own, turned = _tensorflow(name, value)
        found[part][own] = array(np.ascontiguousarray(turned).reshape(turned.shape))
    return found


def _tensorflow(name: str, value: NDArray[np.float32]) -> tuple[str, str, NDArray[np.float32]]:
    if name == "mapping.w_avg":
        return "", "dlatent_avg", value
    if match := re.fullmatch(r"mapping\.(fc\d+|embed)\.(\w+)", name):
        layer = "LabelEmbed" if match[1] == "embed" else f"Dense{match[1][2:]}"
        return "mapping", f"{layer}/{match[2]}", value.T
    if name == "synthesis.b4.const":
        return "synthesis", "4x4/Const/const", value[None]
    match = re.fullmatch(r"synthesis\.b(\d+)\.(conv0|conv1|torgb|skip)\.(.*)", name)
    assert match, name
    resolution, layer, rest = int(match[1]), match[2], match[3]
    if rest == "noise_const":
        index = 2 * int(math.log2(resolution)) - (5 if layer == "conv0" else 4) if resolution > 4 else 0
        return "synthesis", f"noise{index}", value[None, None]
    names = {"conv0": "Conv0_up", "conv1": "Conv1" if resolution > 4 else "Conv", "torgb": "ToRGB", "skip": "Skip"}
    prefix = f"{resolution}x{resolution}/{names[layer]}"
    if rest == "weight":
        turned = value.transpose(2, 3, 1, 0)
        return "synthesis", f"{prefix}/weight", turned[::-1, ::-1] if layer == "conv0" else turned
    if rest == "affine.weight":
        return "synthesis", f"{prefix}/mod_weight", value.T
    if rest == "affine.bias":
        return "synthesis", f"{prefix}/mod_bias", value - 1
    return "synthesis", f"{prefix}/{rest}", value


def network(state: object) -> Call:
    """One network record, as NEWOBJ and BUILD."""
    return Call(NETWORK, (), state=state, opcode=pickle.NEWOBJ)


def network_state(own: dict[str, object], components: object = None, **fields: object) -> dict[str, object]:
    state: dict[str, object] = {
        "version": 4,
        "name": "Gs",
        "static_kwargs": STATIC,
        "components": {} if components is None else components,
        "build_module_src": "raise SystemExit",
        "build_func_name": "G_main",
        "variables": list(own.items()),
    }
    return {key: value for key, value in (state | fields).items() if value is not ...}


def gs(weights: Weights | None = None, own: Mapping[str, Mapping[str, object]] | None = None, **fields: object) -> Call:
    """Gs with its components. `own` replaces or adds variables by part and name; a field of ... is left out."""
    found = variables(weights or weights_of())
    for part, changes in (own or {}).items():
        found[part] = {name: value for name, value in {**found[part], **changes}.items() if value is not ...}
    components = {part: network(network_state(found[part])) for part in ("synthesis", "mapping")}
    return network(network_state(found[""], components, **fields))


def tensorflow(
    weights: Weights | None = None, own: Mapping[str, Mapping[str, object]] | None = None, **fields: object
) -> bytes:
    """A .pkl of TensorFlow: (G, D, Gs)."""
    other = network(network_state({}))
    return dump((other, other, gs(weights, own, **fields)))


# --- rosinality


def state_dict(weights: Weights | None = None) -> "OrderedDict[str, torch.Tensor]":
    """g_ema under rosinality's names, in torch's tensors."""
    found: OrderedDict[str, torch.Tensor] = OrderedDict()
    blur = torch.tensor(4 * np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64, dtype=torch.float32)
    for name, value in (weights or weights_of()).items():
        theirs, turned = _rosinality(name, value)
        if theirs:
            found[theirs] = torch.from_numpy(np.array(turned, np.float32))
        if theirs.startswith("convs.") and theirs.endswith(".conv.weight") and int(theirs.split(".")[1]) % 2 == 0:
            found[theirs.replace(".weight", ".blur.kernel")] = blur
        if theirs.startswith("to_rgbs.") and theirs.endswith(".conv.weight"):
            found[theirs.replace(".conv.weight", ".upsample.kernel")] = blur
    return found


def _rosinality(name: str, value: NDArray[np.float32]) -> tuple[str, NDArray[np.float32]]:
    if name == "mapping.w_avg":
        return "", value
    if match := re.fullmatch(r"mapping\.fc(\d+)\.(\w+)", name):
        return f"style.{int(match[1]) + 1}.{match[2]}", value
    if name == "synthesis.b4.const":
        return "input.input", value[None]
    match = re.fullmatch(r"synthesis\.b(\d+)\.(conv0|conv1|torgb)\.(.*)", name)
    assert match, name
    level, layer, rest = int(math.log2(int(match[1]))) - 3, match[2], match[3]
    index = 2 * level + (layer == "conv1")
    if rest == "noise_const":
        return f"noises.noise_{index + 1}", value[None, None]
    if layer == "torgb":
        prefix = f"to_rgbs.{level}" if level >= 0 else "to_rgb1"
    else:
        prefix = f"convs.{index}" if level >= 0 else "conv1"
    if rest == "weight":
        scale = 1 if layer == "torgb" else math.sqrt(math.prod(value.shape[1:]))
        return f"{prefix}.conv.weight", (value * np.float32(scale))[None]
    if rest.startswith("affine."):
        return f"{prefix}.conv.modulation.{rest.partition('.')[2]}", value
    if rest == "noise_strength":
        return f"{prefix}.noise.weight", value[None]
    return (f"{prefix}.bias", value[None, :, None, None]) if layer == "torgb" else (f"{prefix}.activate.bias", value)


def checkpoint(g_ema: object = None, weights: Weights | None = None, **others: object) -> dict[str, object]:
    """What a converted .pt holds."""
    average = torch.from_numpy((weights or weights_of())["mapping.w_avg"])
    found = {"g_ema": state_dict(weights) if g_ema is None else g_ema, "latent_avg": average} | others
    return {key: value for key, value in found.items() if value is not ...}


def saved(value: object, *, new: bool = True, protocol: int = 2) -> bytes:
    """The file of torch.save: the zip, or the stream of before 1.6."""
    stream = io.BytesIO()
    torch.save(value, stream, pickle_protocol=protocol, _use_new_zipfile_serialization=new)
    return stream.getvalue()
