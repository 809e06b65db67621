"""The sea in AKMA's format: a card, and no weights."""

from pathlib import Path

from pydantic import ValidationError
from torch import Tensor

from akma_core.networks.card import read_card
from akma_core.networks.weights import unloadable

from .config import SeaConfig
from .generator import SeaGenerator, SeaSynthesis


class Mapping:
    """The mapping network as every kind's is called: rows of ws, and a class that there is none of."""

    def __init__(self, generator: SeaGenerator) -> None:
        self._mapping = generator.mapping

    def __call__(self, z: Tensor, _c: Tensor | None = None, truncation_psi: float = 1) -> Tensor:
        """[n, 16] -> ws [n, 1, 16], float32."""
        return self._mapping(z, truncation_psi)[:, None]


class Sea:
    """The generator as a runner takes it: `mapping` and `synthesis` with `z_dim`, `c_dim`, `w_dim`, `num_ws`."""

    def __init__(self, cfg: SeaConfig) -> None:
        generator = SeaGenerator(cfg)
        self.cfg = cfg
        self.z_dim, self.c_dim, self.w_dim, self.num_ws = cfg.z_dim, 0, cfg.w_dim, 1
        self.mapping = Mapping(generator)
        self.synthesis: SeaSynthesis = generator.synthesis


def load(folder: Path) -> Sea:
    """The sea that the card in `folder` describes; RequestError where it describes none."""
    card = read_card(folder)
    try:
        return Sea(SeaConfig(**card.config))
    except (TypeError, ValidationError) as error:
        raise unloadable(folder, error) from None
