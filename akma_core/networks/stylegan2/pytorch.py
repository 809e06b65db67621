"""The StyleGAN2 generator in a PyTorch container of stylegan2-ada-pytorch, of stylegan3's copy, or of a fork."""

from typing import Any

import numpy as np

from akma_core.networks.checkpoint import Checkpoint, checked
from akma_core.networks.pkl.container import PickledGenerator
from akma_core.networks.pkl.torch_types import Tensor
from akma_core.networks.pkl.unpickler import bad_network, damaged

from .config import GeneratorConfig

GIVEN = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")
SYNTHESIS = (
    "channel_base",
    "channel_max",
    "architecture",
    "resample_filter",
    "use_noise",
    "conv_clamp",
    "num_fp16_res",
)
MAPPING = {
    "num_layers": "mapping_layers",
    "lr_multiplier": "lr_multiplier",
    "embed_features": "embed_features",
    "layer_features": "layer_features",
}
"""Arguments of the mapping network, and their names in the configuration."""
FIXED = {"activation": "lrelu", "kernel_size": 3}
"""Arguments that may have one value only."""
IGNORED = ("fp16_channels_last", "fused_modconv_default", "epochs", "w_avg_beta", "magnitude_ema_beta")
"""Layout, speed and training."""
FLAT_DEFAULTS = {"conv_clamp": 256, "num_fp16_res": 4}
"""Defaults of the flat dialect; the nested one's are None and 0, as in the configuration."""
LONG_FILTER = 8  # taps; filters from here on are stored as one axis


def read(generator: PickledGenerator, size: int) -> Checkpoint:
    """The generator of a file of `size` bytes; RequestError where settings and weights make no StyleGAN2."""
    cfg = GeneratorConfig.checked(_settings(generator))
    _check_clamps(generator, cfg)
    filters = {name: tensor for name, tensor in generator.tensors.items() if name.endswith(".resample_filter")}
    views = {name: tensor.view() for name, tensor in generator.tensors.items() if name not in filters}
    found = checked("stylegan2", cfg.model_dump(mode="json"), views, cfg.shapes(), size)
    for name, tensor in filters.items():
        _check_filter(name, tensor, cfg)
    return found


def _settings(generator: PickledGenerator) -> dict[str, Any]:
    """Collect the fields of GeneratorConfig from either dialect; the values are still unchecked."""
    flat = dict(generator.init_kwargs)
    mapping = _plain_dict("mapping_kwargs", flat.pop("mapping_kwargs", None))
    nested = _plain_dict("synthesis_kwargs", flat.pop("synthesis_kwargs", None))
    for name in flat.keys() & nested.keys():
        if type(flat[name]) is not type(nested[name]) or flat[name] != nested[name]:
            raise bad_network(f"its setting {name[:60]!a} is given twice, differently")
    if missing := set(GIVEN[:4]) - flat.keys():
        raise bad_network(f"its settings lack {min(missing)}; save it again with the official StyleGAN2")
    settings: dict[str, Any] = dict(FLAT_DEFAULTS) if _is_flat(generator, flat.keys() & {*SYNTHESIS}, nested) else {}
    for name, value in {**flat, **nested}.items():
        if name in (*GIVEN, *SYNTHESIS, "init_res"):
            settings[name] = value
        else:
            _check_known(name, value)
    for name, value in mapping.items():
        if name in MAPPING:
            settings[MAPPING[name]] = value
        else:
            _check_known(name, value)
    if settings.get("resample_filter", ()) is None:
        settings["resample_filter"] = [1]  # no filter
    if settings.get("c_dim") == 0:
        settings.pop("embed_features", None)  # there is nothing to embed
    settings["has_w_avg"] = "mapping.w_avg" in generator.tensors
    return settings


def _is_flat(generator: PickledGenerator, flat: set[str], nested: dict[str, Any]) -> bool:
    if bool(flat) != bool(nested):
        return bool(flat)
    # Both or neither: only blocks of the flat dialect have this attribute.
    block = generator.modules.get("synthesis.b4")
    return block is not None and "fused_modconv_default" in block.state


def _plain_dict(name: str, value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if type(value) is not dict or not all(type(key) is str for key in value):
        raise damaged(f"{name} is not a dict")
    return value


def _check_known(name: str, value: object) -> None:
    if name in FIXED and type(value) is type(FIXED[name]) and value == FIXED[name]:
        return
    if name not in IGNORED:
        raise bad_network(f"its setting {name[:60]!a} is unknown or out of range; AKMA cannot run it")


def _check_clamps(generator: PickledGenerator, cfg: GeneratorConfig) -> None:
    """Each layer keeps its own clamp, which the published code runs with: it must be the settings'."""
    for name, module in generator.modules.items():
        if name.endswith((".conv0", ".conv1", ".torgb")) and "conv_clamp" in module.state:
            own = module.state["conv_clamp"]
            if type(own) not in (int, float, type(None)) or own != cfg.conv_clamp:
                raise bad_network(f"{name} has another conv_clamp than the network's settings; AKMA cannot run it")


def _check_filter(name: str, tensor: Tensor, cfg: GeneratorConfig) -> None:
    taps = np.array(cfg.taps)
    expected = taps if len(taps) >= LONG_FILTER else np.outer(taps, taps)
    if tensor.shape != expected.shape or not np.allclose(tensor.view(), expected, rtol=1e-3, atol=1e-4):
        raise bad_network(f"{name} is not the filter that the network's settings say; AKMA cannot run it")
