"""The StyleGAN2 generator in a .pt of rosinality's stylegan2-pytorch, or of a converter to it: g_ema."""

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akma_core.networks.checkpoint import Checkpoint, checked
from akma_core.networks.pkl.torch_save import Namespace
from akma_core.networks.pkl.torch_types import Tensor
from akma_core.networks.pkl.unpickler import bad_network, damaged, is_name

from .config import GeneratorConfig
from .names import Rule, View, noise_layer, same, translate, without

MAX_TENSORS = 2048  # of a state dict; 1024 pixels have about 200
MAX_LEVELS = 10  # resolutions above 4 pixels; the last is 4096
MAX_STYLES = 64  # layers of the mapping network
MAX_ESTIMATE = 1 << 24  # weights of a mapping network whose average w is estimated; 8 layers of 512 have 2 million
SAMPLES, BATCH = 4096, 512
BASES = (32768, 16384)  # channel_base of channel_multiplier 2 and 1
BLUR = 4 * np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64
LUCIDRAINS = ("G.blocks.", "S.net.", "GAN.", "GE.blocks.")


def read(root: object, size: int) -> Checkpoint:
    """The generator of a file of `size` bytes; RequestError where there is none, in words about what it is."""
    found, average = _generator(root)
    settings, levels = _settings(found)
    kernels = {name: view for name, view in found.items() if name.endswith((".blur.kernel", ".upsample.kernel"))}
    for name, view in kernels.items():
        _check_kernel(name, view, levels)
    views = translate({name: view for name, view in found.items() if name not in kernels}, RULES)
    if not any(name.endswith(".noise_const") for name in views):
        # The oldest files have no noise inputs: upstream drew them anew for each picture.
        settings["use_noise"] = False
        views = {name: view for name, view in views.items() if not name.endswith(".noise_strength")}
    cfg = GeneratorConfig.checked(settings)
    shapes = cfg.shapes()
    if average is None:
        del shapes["mapping.w_avg"]
    else:
        views["mapping.w_avg"] = without(1)(average) if average.ndim == 2 else average
    checkpoint = checked("stylegan2", cfg.model_dump(mode="json"), views, shapes, size)
    for name, values in checkpoint.state_dict.items():
        if re.fullmatch(r"synthesis\.b[0-9]+\.conv[01]\.weight", name):
            values *= np.float32(1 / math.sqrt(math.prod(values.shape[1:])))
    if average is None:
        checkpoint.state_dict["mapping.w_avg"] = average_w(checkpoint.state_dict, cfg)
    return checkpoint


def average_w(weights: dict[str, NDArray[np.float32]], cfg: GeneratorConfig) -> NDArray[np.float32]:
    """Mean of w over 4096 z drawn from seed 0, [w_dim]: of training checkpoints, which keep none.

    In float64, so that machines agree on it. RequestError where the mapping network is too large for that.
    """
    if sum(inputs * outputs for inputs, outputs in cfg.mapping_widths) > MAX_ESTIMATE:
        raise bad_network("its mapping network is too large for its average w to be estimated; give a converted file")
    z = np.random.RandomState(0).randn(SAMPLES, cfg.z_dim).astype(np.float32)
    total = np.zeros(cfg.w_dim)
    for first in range(0, SAMPLES, BATCH):
        x = z[first : first + BATCH].astype(np.float64)
        x /= np.sqrt((x**2).mean(1, keepdims=True) + 1e-8)
        for j, (inputs, _) in enumerate(cfg.mapping_widths):
            weight, bias = (weights[f"mapping.fc{j}.{part}"].astype(np.float64) for part in ("weight", "bias"))
            x = x @ (weight * (cfg.lr_multiplier / math.sqrt(inputs))).T + bias * cfg.lr_multiplier
            x = np.where(x < 0, 0.2 * x, x) * math.sqrt(2)
        total += x.sum(0)
    with np.errstate(over="ignore"):
        mean = (total / SAMPLES).astype(np.float32)
    if not np.isfinite(mean).all():
        raise bad_network("its mapping network gives infinite w, the training had failed; take an earlier snapshot")
    return mean


def _generator(root: object) -> tuple[dict[str, View], View | None]:
    """Weights of g_ema by their own names, and latent_avg."""
    if type(root) is not dict:
        raise bad_network("it holds no g_ema; AKMA reads .pt files of rosinality's stylegan2-pytorch")
    options = root.get("args")
    if type(options) is Namespace and (options.values or {}).get("arch") == "swagan":
        raise bad_network("this is a SWAGAN network; AKMA reads StyleGAN2 and StyleGAN3")
    state = root if "input.input" in root else root.get("g_ema")
    if type(state) is not dict:
        raise bad_network(_other(root))
    if not state or len(state) > MAX_TENSORS or not all(map(is_name, state)):
        raise damaged("its g_ema is not a dict of names")
    if any(".iwt." in f".{name}" or ".dwt." in f".{name}" for name in state):
        raise bad_network("this is a SWAGAN network; AKMA reads StyleGAN2 and StyleGAN3")
    if "input.input" not in state:
        raise bad_network(_other(state))
    average = root.get("latent_avg")
    values = [*state.values(), *([] if average is None else [average])]
    if not all(type(value) is Tensor for value in values):
        raise damaged("its g_ema holds other things than tensors")
    return {name: tensor.view() for name, tensor in state.items()}, None if average is None else average.view()


def _other(root: dict[Any, Any]) -> str:
    if "GAN" in root or any(type(name) is str and name.startswith(LUCIDRAINS) for name in root):
        return "this is a lucidrains stylegan2-pytorch network; AKMA reads StyleGAN2 and StyleGAN3"
    if root.keys() & {"params", "params_ema"}:
        return "this is no StyleGAN; if it is a Real-ESRGAN upscaler, use `akma models import-upscaler`"
    return "it holds no g_ema of StyleGAN2; AKMA reads .pt files of rosinality's stylegan2-pytorch"


def _settings(found: dict[str, View]) -> tuple[dict[str, Any], int]:
    """Infer the fields of GeneratorConfig from the shapes, and the number of resolutions above 4 pixels."""
    styles = _count(found, r"style\.(\d{1,6})\.weight", first=1)
    convs = _count(found, r"convs\.(\d{1,6})\.conv\.weight", first=0)
    if not 1 <= styles <= MAX_STYLES or convs % 2 or convs > 2 * MAX_LEVELS:
        raise damaged("its numbers of style or convs layers make no StyleGAN2")
    width = _axis(found, "style.1.weight", 2, 1)
    channels = [_axis(found, "input.input", 4, 1)]
    channels += [_axis(found, f"convs.{k}.conv.weight", 5, 1) for k in range(0, convs, 2)]
    settings: dict[str, Any] = {
        "z_dim": width,
        "w_dim": width,
        "img_resolution": 4 << (convs // 2),
        "img_channels": _axis(found, "to_rgb1.conv.weight", 5, 1),
        "mapping_layers": styles,
    }
    for base in BASES:
        if channels == [min(base // (4 << k), 512) for k in range(len(channels))]:
            return settings | {"channel_base": base}, convs // 2
    return settings | {"channels": channels}, convs // 2


def _count(found: dict[str, View], pattern: str, first: int) -> int:
    """Number of layers, which are counted from `first` without a gap."""
    matches = (re.fullmatch(pattern, name, re.ASCII) for name in found)
    numbers = sorted(int(match[1]) for match in matches if match)
    if numbers != list(range(first, first + len(numbers))):
        raise damaged("its layers are not counted without a gap")
    return len(numbers)


def _axis(found: dict[str, View], name: str, ndim: int, axis: int) -> int:
    if name not in found or found[name].ndim != ndim:
        raise damaged(f"its {name} is missing or misshapen")
    return int(found[name].shape[axis])


def _check_kernel(name: str, view: View, levels: int) -> None:
    """Each filter must be [1,3,3,1] and where that network has one."""
    match = re.fullmatch(r"convs\.(\d{1,2})\.conv\.blur\.kernel|to_rgbs\.(\d{1,2})\.upsample\.kernel", name, re.ASCII)
    place = -1 if match is None else int(match[2]) if match[2] else int(match[1]) / 2
    if place not in range(levels):
        raise damaged(f"{name[:80]} is no filter of StyleGAN2's")
    if view.shape != BLUR.shape or view.dtype.kind != "f" or not np.allclose(view, BLUR, rtol=1e-3, atol=1e-4):
        raise bad_network(f"{name[:80]} is another filter than [1,3,3,1]; AKMA cannot run it")


def _layer(theirs: str, block: Any) -> list[Rule]:
    def to(rest: str) -> Any:
        return lambda match: f"synthesis.{block(match)}.{rest}"

    return [
        (rf"{theirs}\.conv\.weight", to("weight"), without(1)),
        (rf"{theirs}\.conv\.modulation\.weight", to("affine.weight"), same),
        (rf"{theirs}\.conv\.modulation\.bias", to("affine.bias"), same),
    ]


def _styled(theirs: str, block: Any) -> list[Rule]:
    return [
        *_layer(theirs, block),
        (rf"{theirs}\.noise\.weight", lambda match: f"synthesis.{block(match)}.noise_strength", _scalar),
        (rf"{theirs}\.activate\.bias", lambda match: f"synthesis.{block(match)}.bias", same),
    ]


def _rgb(theirs: str, block: Any) -> list[Rule]:
    return [*_layer(theirs, block), (rf"{theirs}\.bias", lambda match: f"synthesis.{block(match)}.bias", _channels)]


def _scalar(view: View) -> View:
    return without(1)(view) if view.shape == (1,) else view


def _channels(view: View) -> View:
    """[1, C, 1, 1] -> [C]."""
    return view[0, :, 0, 0] if view.ndim == 4 and (view.shape[0], *view.shape[2:]) == (1, 1, 1) else view


RULES: list[Rule] = [
    (r"style\.#\.(weight|bias)", lambda match: f"mapping.fc{int(match[1]) - 1}.{match[2]}", same),
    (r"input\.input", "synthesis.b4.const", without(1)),
    *_styled(r"conv1", lambda _: "b4.conv1"),
    *_styled(r"convs\.#", lambda match: f"b{8 << min(int(match[1]) // 2, 64)}.conv{int(match[1]) % 2}"),
    *_rgb(r"to_rgb1", lambda _: "b4.torgb"),
    *_rgb(r"to_rgbs\.#", lambda match: f"b{8 << min(int(match[1]), 64)}.torgb"),
    (r"noises\.noise_#", lambda match: f"{noise_layer(int(match[1]))}.noise_const", without(2)),
]
