"""The StyleGAN2 generator in a TensorFlow pickle: settings and variables of Gs, under the canonical names."""

import re
from typing import Any

import numpy as np

from akma_core.networks.checkpoint import Checkpoint, checked
from akma_core.networks.pkl.numpy_types import Array
from akma_core.networks.pkl.tensorflow import Network
from akma_core.networks.pkl.unpickler import bad_network, damaged, is_name

from .config import GeneratorConfig
from .names import Rule, View, noise_layer, same, translate, transposed, without

VERSIONS = (4, 5)  # of stylegan2 and of stylegan2-ada
MAX_VARIABLES = 2048  # of a network; a synthesis of 1024 pixels has about 150
SETTINGS = {
    "latent_size": "z_dim",
    "dlatent_size": "w_dim",
    "label_size": "c_dim",
    "resolution": "img_resolution",
    "num_channels": "img_channels",
    "fmap_base": "channel_base",
    "fmap_max": "channel_max",
    "mapping_layers": "mapping_layers",
    "mapping_lrmul": "lr_multiplier",
    "architecture": "architecture",
    "resample_kernel": "resample_filter",
    "use_noise": "use_noise",
    "num_fp16_res": "num_fp16_res",
    "conv_clamp": "conv_clamp",
}
DEFAULTS: dict[str, Any] = {
    **{"z_dim": 512, "w_dim": 512, "c_dim": 0, "img_resolution": 1024, "img_channels": 3},
    **{"channel_base": 16384, "channel_max": 512, "mapping_layers": 8, "lr_multiplier": 0.01},
    **{"architecture": "skip", "resample_filter": [1, 3, 3, 1], "use_noise": True},
}
IGNORED = (
    *("truncation_psi", "truncation_cutoff", "truncation_psi_val", "truncation_cutoff_val", "dlatent_avg_beta"),
    *("w_avg_beta", "style_mixing_prob", "structure", "conditioning", "fused_modconv", "randomize_noise"),
    *("mapping_fmaps", "label_fmaps"),  # widths are those of the weights
)
FIXED: dict[str, tuple[object, ...]] = {
    **{"mapping_nonlinearity": ("lrelu",), "nonlinearity": ("lrelu",), "dtype": ("float32",)},
    **{"fmap_decay": (1,), "fmap_min": (1,), "normalize_latents": (True,)},
    **{"mapping_func": ("G_mapping", "G_mapping_stylegan2")},
    **{"synthesis_func": ("G_synthesis", "G_synthesis_stylegan2", "G_synthesis_stylegan_revised")},
}
"""Settings that may have these values only."""
GROWN = "G_synthesis_stylegan_revised"  # configurations B to D: trained by progressive growing
LOD = ("lod", "synthesis/lod")
STYLEGAN1 = "this is a StyleGAN1 network for TensorFlow; AKMA reads StyleGAN2 and StyleGAN3"


def read(root: object, size: int) -> Checkpoint:
    """The generator of a file of `size` bytes; RequestError where it is no StyleGAN2, in words about what it is."""
    network = _average(root)
    given = _dict(network, "static_kwargs")
    views = _views(network)
    if any(name.startswith("synthesis/4x4/Const/Noise") or "/StyleMod/" in name for name in views):
        raise bad_network(STYLEGAN1)
    settings = _settings(given)
    if any("/ToRGB_lod" in name for name in views) or given.get("synthesis_func") == GROWN:
        views = _grown(views, settings)
    for name in LOD:
        views.pop(name, None)
    views = translate(views, RULES)
    cfg = GeneratorConfig.checked(settings | _widths(views, settings))
    found = checked("stylegan2", cfg.model_dump(mode="json"), views, cfg.shapes(), size)
    for name, values in found.state_dict.items():
        if name.endswith(".affine.bias"):
            values += 1
    return found


def _average(root: object) -> Network:
    """Gs: the last of (G, D, Gs), or a network saved alone."""
    if isinstance(root, tuple | list):
        if len(root) != 3:
            raise bad_network(f"it holds {len(root)} networks; give a file of all three: (G, D, Gs), or Gs alone")
        root = root[2]
    if type(root) is not Network or root.state is None:
        raise bad_network("it holds no generator Gs; give a network snapshot of StyleGAN2")
    version = root.state.get("version")
    if type(version) is int and 0 < version < VERSIONS[0]:
        raise bad_network(STYLEGAN1)
    if type(version) is not int or version not in VERSIONS:
        raise bad_network("it is of an unknown version of TensorFlow's StyleGAN; AKMA reads versions 4 and 5")
    return root


def _dict(network: Network, key: str) -> dict[str, Any]:
    value = (network.state or {}).get(key, {})
    if type(value) is not dict or not all(type(name) is str for name in value):
        raise damaged(f"a network's {key} is not a dict of names")
    return value


def _views(network: Network) -> dict[str, View]:
    """Every variable by its full name."""
    components = _dict(network, "components")
    parts = [components.get("synthesis"), components.get("mapping")]
    if len(components) != 2 or not all(type(part) is Network for part in parts) or parts[0] is parts[1]:
        raise bad_network("its Gs is not a generator of StyleGAN2, which has a synthesis and a mapping network")
    found = _variables(network)
    for name, part in components.items():
        if _dict(part, "components"):
            raise damaged("its networks lie within each other")
        found |= {f"{name}/{own}": view for own, view in _variables(part).items()}
    return found


def _variables(network: Network) -> dict[str, View]:
    pairs = (network.state or {}).get("variables")
    if type(pairs) is not list or len(pairs) > MAX_VARIABLES:
        raise damaged("a network has no short list of variables")
    found: dict[str, View] = {}
    for pair in pairs:
        match pair:
            case (str(name), Array(values=values)) if is_name(name) and values is not None and name not in found:
                if values.dtype != np.dtype("<f4"):
                    raise damaged(f"{name[:80]} is not of float32 numbers")
                found[name] = values
            case _:
                raise damaged("a variable is not one name and one array")
    return found


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    settings = dict(DEFAULTS)
    for name, stored in given.items():
        array = stored.values if isinstance(stored, Array) else None
        value = array.item() if array is not None and array.ndim == 0 else stored
        if name in SETTINGS:
            settings[SETTINGS[name]] = value
        elif name in FIXED:
            if not any(type(value) in (type(one), float) and value == one for one in FIXED[name]):
                raise bad_network(_unknown(name, value))
        elif name not in (*IGNORED, "resolution_w", "resolution_h"):
            raise bad_network(_unknown(name, value))
    for name in ("resolution_w", "resolution_h"):
        if name in given and given[name] != settings["img_resolution"]:
            raise bad_network("its pictures are not square (resolution_w, resolution_h); AKMA cannot run it")
    if type(settings["channel_base"]) is not int:
        raise bad_network(_unknown("fmap_base", settings["channel_base"]))
    settings["channel_base"] *= 2
    if settings["resample_filter"] is None:
        settings["resample_filter"] = [1, 1]  # the box
    return settings


def _unknown(name: str, value: object) -> str:
    what = f" {value[:40]!a}" if isinstance(value, str) else ""
    return f"its setting {name[:60]!a}{what} is unknown or out of range; AKMA cannot run it"


def _grown(views: dict[str, View], settings: dict[str, Any]) -> dict[str, View]:
    """Configurations B to D: at the end of growing, only the last resolution's ToRGB is in use, as in `orig`."""
    lod = [views[name] for name in LOD if name in views]
    if not lod or any(level.shape != () or level.item() != 0 for level in lod):
        raise bad_network("this network was saved in the middle of progressive growing; give the last snapshot")
    settings["architecture"] = "orig"
    last = f"synthesis/{settings['img_resolution']}x{settings['img_resolution']}/ToRGB"
    kept: dict[str, View] = {}
    for name, view in views.items():
        match = re.fullmatch(r"synthesis/ToRGB_lod([0-9]{1,2})/(\w{1,20})", name, re.ASCII)
        if match is None:
            kept[name] = view
        elif match[1] == "0":
            kept[f"{last}/{match[2]}"] = view
    return kept


def _widths(views: dict[str, View], settings: dict[str, Any]) -> dict[str, Any]:
    """Infer from the weights the settings whose defaults differ between the two code bases."""
    found: dict[str, Any] = {"has_w_avg": "mapping.w_avg" in views}
    hidden, embed = views.get("mapping.fc0.weight"), views.get("mapping.embed.weight")
    if hidden is not None and hidden.ndim == 2 and settings["mapping_layers"] != 1:
        found["layer_features"] = hidden.shape[0]
    if settings["c_dim"] and embed is not None and embed.ndim == 2:
        found["embed_features"] = embed.shape[0]
        # The conditional networks of 2019 normalise z and the class together.
        found["embedding"] = "normalized" if "mapping.embed.bias" in views else "concat"
    return found


def _kernel(view: View) -> View:
    return view.transpose(3, 2, 0, 1) if view.ndim == 4 else view


def _flipped(view: View) -> View:
    return _kernel(view[::-1, ::-1]) if view.ndim == 4 else view


def _layer(theirs: str, ours: str) -> list[Rule]:
    def to(rest: str) -> Any:
        return lambda match: f"synthesis.b{match[1]}.{ours}.{rest}"

    prefix = rf"synthesis/#x\1/{theirs}/"
    return [
        (f"{prefix}weight", to("weight"), _flipped if ours == "conv0" else _kernel),
        (f"{prefix}bias", to("bias"), same),
        (f"{prefix}mod_weight", to("affine.weight"), transposed),
        (f"{prefix}mod_bias", to("affine.bias"), same),
        (f"{prefix}noise_strength", to("noise_strength"), same),
    ]


RULES: list[Rule] = [
    ("dlatent_avg", "mapping.w_avg", same),
    ("mapping/Dense#/weight", lambda match: f"mapping.fc{match[1]}.weight", transposed),
    ("mapping/Dense#/bias", lambda match: f"mapping.fc{match[1]}.bias", same),
    ("mapping/LabelEmbed/weight", "mapping.embed.weight", transposed),
    ("mapping/LabelEmbed/bias", "mapping.embed.bias", same),
    ("mapping/LabelConcat/weight", "mapping.embed.weight", transposed),
    ("synthesis/4x4/Const/const", "synthesis.b4.const", without(1)),
    ("synthesis/noise#", lambda match: f"{noise_layer(int(match[1]))}.noise_const", without(2)),
    *_layer("Conv", "conv1"),  # of 4x4 alone
    *_layer("Conv1", "conv1"),
    *_layer("Conv0_up", "conv0"),
    *_layer("ToRGB", "torgb"),
    (r"synthesis/#x\1/Skip/weight", lambda match: f"synthesis.b{match[1]}.skip.weight", _kernel),
]
