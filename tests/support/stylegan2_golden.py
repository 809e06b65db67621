"""Golden networks: the published implementations' outputs, float32 on a CPU."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.networks.stylegan2.config import GeneratorConfig
from akma_core.networks.stylegan2.file import build
from akma_core.networks.stylegan2.generator import Generator

FOLDER = Path(__file__).parents[1] / "golden"
NAMES = ("t64", "cond", "clamp", "resnet", "orig", "tf", "ros", "ros_train")
IGNORED = ("activation", "w_avg_beta", "fp16_channels_last", "fused_modconv_default")
FIRST = 4  # pixels of the smallest block


class Golden:
    """One network with its inputs and outputs: golden["img_const"] is a tensor."""

    def __init__(self, name: str) -> None:
        self.name = name
        with np.load(FOLDER / f"sg2_{name}.npz") as arrays:
            self._arrays: dict[str, NDArray[Any]] = dict(arrays)

    def __getitem__(self, key: str) -> Tensor:
        return torch.from_numpy(self._arrays[key])

    def __contains__(self, key: str) -> bool:
        return key in self._arrays

    @property
    def classes(self) -> Tensor | None:
        """Class vectors of `z`, where they were recorded."""
        return torch.from_numpy(self._arrays["c"]) if "c" in self else None

    def settings(self) -> dict[str, Any]:
        """What GeneratorConfig takes."""
        if self.name.startswith("ros"):
            return self._rosinality_settings()
        kwargs = json.loads(str(self._arrays["init_kwargs"]))
        mapping, nested = kwargs.pop("mapping_kwargs"), kwargs.pop("synthesis_kwargs", None)
        if nested is None:
            kwargs = {"num_fp16_res": 4, "conv_clamp": 256.0} | kwargs
        if "num_layers" in mapping:
            mapping["mapping_layers"] = mapping.pop("num_layers")
        settings = kwargs | (nested or {}) | mapping
        return {key: value for key, value in settings.items() if key not in IGNORED}

    def _rosinality_settings(self) -> dict[str, Any]:
        weights = self._weights
        levels = sum(name.endswith(".conv.blur.kernel") for name in weights)
        channels = [len(weights["conv1.activate.bias"])]
        channels += [len(weights[f"convs.{2 * k}.activate.bias"]) for k in range(levels)]
        w_dim = weights["style.1.weight"].shape[1]
        layers = sum(name.startswith("style.") for name in weights) // 2
        resolution = FIRST << levels
        return {
            "z_dim": w_dim, "w_dim": w_dim, "img_resolution": resolution, "channels": channels,
            "mapping_layers": layers,
        }  # fmt: skip

    @property
    def _weights(self) -> dict[str, Tensor]:
        return {key.removeprefix("sd."): self[key] for key in self._arrays if key.startswith("sd.")}

    @property
    def state_dict(self) -> dict[str, Tensor]:
        """Under the published names."""
        return self._from_rosinality() if self.name.startswith("ros") else self._weights

    def _from_rosinality(self) -> dict[str, Tensor]:
        found = {"mapping.w_avg": self["latent_avg" if "latent_avg" in self else "w_avg_4096"]}
        for name, value in self._weights.items():
            part, _, rest = name.partition(".")
            if part == "style":
                number, _, rest = rest.partition(".")
                found[f"mapping.fc{int(number) - 1}.{rest}"] = value
            elif part == "input":
                found["synthesis.b4.const"] = value[0]
            elif part == "noises":
                k = int(name.rpartition("_")[2])
                found[f"synthesis.b{2 ** ((k + 5) // 2)}.conv{1 - k % 2}.noise_const"] = value[0, 0]
            elif not rest.endswith("kernel"):
                found |= _layer(part, rest, value)
        return found

    def generator(self, compiled: bool | None = None) -> Generator:
        return build(GeneratorConfig(**self.settings()), self.state_dict, compiled)


def _layer(part: str, rest: str, value: Tensor) -> dict[str, Tensor]:
    if part in ("convs", "to_rgbs"):
        number, _, rest = rest.partition(".")
        k = int(number)
        prefix = f"b{8 << (k // 2)}.conv{k % 2}" if part == "convs" else f"b{8 << k}.torgb"
    else:
        prefix = "b4.conv1" if part == "conv1" else "b4.torgb"
    prefix = f"synthesis.{prefix}"
    if rest.startswith("conv.modulation."):
        return {f"{prefix}.affine.{rest.rpartition('.')[2]}": value}
    if rest == "conv.weight":
        scale = 1.0 if "rgb" in prefix else value[0, 0].numel() ** -0.5
        return {f"{prefix}.weight": value[0] * scale}
    if rest == "noise.weight":
        return {f"{prefix}.noise_strength": value[0]}
    return {f"{prefix}.bias": value.flatten()}
