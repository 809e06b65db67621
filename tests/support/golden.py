"""Golden networks: the published implementation's outputs, float32 on a CPU."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.file import build
from akma_core.networks.stylegan3.generator import Generator

FOLDER = Path(__file__).parents[1] / "golden"
NAMES = ("t64", "r64", "t64_cond5", "t64_clamp")


class Golden:
    """One network with its inputs and outputs: golden["img"] is a tensor."""

    def __init__(self, name: str) -> None:
        with np.load(FOLDER / f"{name}.npz") as arrays:
            self._arrays: dict[str, NDArray[Any]] = dict(arrays)

    def __getitem__(self, key: str) -> Tensor:
        return torch.from_numpy(self._arrays[key])

    def json(self, key: str) -> Any:
        return json.loads(str(self._arrays[key]))

    @property
    def state_dict(self) -> dict[str, Tensor]:
        return {key.removeprefix("sd."): self[key] for key in self._arrays if key.startswith("sd.")}

    def generator(self, compiled: bool | None = None) -> Generator:
        return build(GeneratorConfig.from_init_kwargs(self.json("init_kwargs")), self.state_dict, compiled)
