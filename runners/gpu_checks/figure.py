"""Figures that a check finds: a number, its unit, and the limit that it must keep."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

MOST_DB = 200.0  # PSNR of equal pictures, which have none: JSON knows no infinity


@dataclass(frozen=True)
class Figure:
    """One number; without a limit it is told and never wrong."""

    name: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def good(self) -> bool:
        """False beyond a limit, and for NaN or infinity."""
        if not math.isfinite(self.value):
            return False
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    @property
    def told(self) -> str:
        limit = "" if self.at_most is None else f" (at most {self.at_most:g})"
        limit += "" if self.at_least is None else f" (at least {self.at_least:g})"
        return f"{self.name} {self.value:.3g}{' ' * bool(self.unit)}{self.unit}{limit}"

    @property
    def strain(self) -> float:
        """Nearness of the limit: 1 at the limit, more beyond it, 0 without one."""
        if not math.isfinite(self.value):
            return math.inf
        if self.at_least is not None:
            return self.at_least / max(self.value, 1e-30)
        if self.at_most is None:
            return 0.0
        return self.value / self.at_most if self.at_most else (1.0 if self.value <= 0 else math.inf)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, which knows neither NaN nor infinity."""
        fields = {name: value for name, value in asdict(self).items() if value not in (None, "")}
        return fields | {"value": self.value if math.isfinite(self.value) else None, "good": self.good}


Figures = Iterator[Figure]


def figure_of(fields: dict[str, Any]) -> Figure:
    """The figure of `as_dict`."""
    value = fields["value"]
    kept = {key: fields.get(key) for key in ("at_most", "at_least")}
    return Figure(fields["name"], math.nan if value is None else value, fields.get("unit", ""), **kept)


def psnr(a: Tensor, b: Tensor) -> float:
    """Peak signal-to-noise ratio of 8-bit pictures, dB, 200 at most."""
    error = float((a.to(torch.float32) - b.to(torch.float32)).square().mean())
    return min(MOST_DB, 10 * math.log10(255**2 / error)) if error else MOST_DB


def differing(a: Tensor, b: Tensor) -> float:
    """Number of values that differ; those of another shape all do."""
    return float((a != b).sum()) if a.shape == b.shape else float(max(a.numel(), b.numel()))
