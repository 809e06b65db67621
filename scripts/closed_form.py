"""Weights of a StyleGAN3-R written by hand: each channel of a layer is an expression of the layer before.

A layer of 1x1 convolutions is x' = min(sqrt(2) lrelu(W x + b), 1) at every point, so that sums, bounds and absolute
values are a row or two of W. Demodulation divides each row by its norm; a last channel, zero everywhere, takes what a
row lacks, so that all have the same. Where that channel is much the largest, a style is a plain factor, linear in w.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from akma_core.networks.fully_connected import FullyConnected
from akma_core.networks.stylegan3.config import GeneratorConfig
from akma_core.networks.stylegan3.generator import Generator

ROOT2 = math.sqrt(2)  # the activation's gain
SLOPE = 0.2  # and what it keeps of what is below zero
HEADROOM = 0.98  # of the clamp, for what filters overshoot
LATENTS = 2000  # whose w the directions are measured on
DOMINANCE = 6.0  # a row's norm where there are styles, against the largest without: linear within 1.5 %

Style = tuple[float, Mapping[str, float]]
"""Mean of a channel's factor, and its deviations along directions of w, which have names."""
PLAIN: Style = (1.0, {})


class Expression:
    """A constant and channels of one layer, each times a number."""

    def __init__(self, terms: Mapping[int, float] | None = None, constant: float = 0.0) -> None:
        self.terms, self.constant = dict(terms or {}), float(constant)

    def __add__(self, other: "Expression | float") -> "Expression":
        if not isinstance(other, Expression):
            return Expression(self.terms, self.constant + other)
        channels = [*self.terms, *(c for c in other.terms if c not in self.terms)]
        terms = {c: self.terms.get(c, 0.0) + other.terms.get(c, 0.0) for c in channels}
        return Expression(terms, self.constant + other.constant)

    def __mul__(self, factor: float) -> "Expression":
        return Expression({c: value * factor for c, value in self.terms.items()}, self.constant * factor)

    def __neg__(self) -> "Expression":
        return self * -1

    def __sub__(self, other: "Expression | float") -> "Expression":
        return self + -other

    def __rsub__(self, other: float) -> "Expression":
        return -self + other

    __radd__, __rmul__ = __add__, __mul__


def total(expressions: Sequence[Expression], factors: Sequence[float] | None = None) -> Expression:
    """Their sum, each times its factor; zero where there are none."""
    given = factors if factors is not None else [1.0] * len(expressions)
    return sum((e * f for e, f in zip(expressions, given, strict=True)), Expression())


class Rows:
    """Rows of one layer as they are added. Each method returns what the next layer finds, as its expression."""

    def __init__(self) -> None:
        self.rows: list[Expression] = []
        self.styles: dict[int, Style] = {}
        """Of the channels that these rows make: for the layer that reads them."""

    def bounded(self, e: Expression, low: float, high: float) -> Expression:
        """min(e, high), within the headroom, for e of `low` at least; below it what is lacking counts SLOPE."""
        scale = HEADROOM / (high - low)
        return self._row((e - low) * scale) * (1 / scale) + low

    def carried(self, expressions: Sequence[Expression], low: float, high: float) -> list[Expression]:
        """Each as it is: they stay between `low` and `high`."""
        return [self.bounded(e, low, high) for e in expressions]

    def absolute(self, e: Expression, top: float) -> Expression:
        """|e| up to `top`; beyond it falls a quarter as fast."""
        return (self._row(e * (1 / top)) + self._row(e * (-1 / top))) * (top / (1 - SLOPE))

    def positive(self, e: Expression) -> Expression:
        """max(e, 0), for e of 1 at most."""
        return (self._row(e) + SLOPE * self._row(-e)) * (1 / (1 - SLOPE**2))

    def styled(self, e: Expression, style: Style) -> Expression:
        """e, of 0 to 1, times a factor that w decides."""
        self.styles[len(self.rows)] = style
        return self.bounded(e, 0, 1)

    def _row(self, e: Expression) -> Expression:
        self.rows.append(e * (1 / ROOT2))
        return Expression({len(self.rows) - 1: 1.0})


class Program:
    """A generator that is filled layer by layer, the input first."""

    def __init__(self, config: GeneratorConfig, seed: int) -> None:
        torch.manual_seed(seed)
        self.generator = Generator(config)
        self._noise = torch.Generator().manual_seed(seed)
        self._directions: dict[str, tuple[Tensor, float]] = {}
        mapping = self.generator.mapping
        w = mapping(torch.randn(LATENTS, config.z_dim, generator=self._noise))[:, 0]
        mapping.w_avg.copy_(w.mean(0))
        self._w = w - mapping.w_avg
        self._layers = iter(self.generator.synthesis.layers)

    def input(self, waves: Sequence[tuple[float, float, float]], camera: Sequence[float]) -> None:
        """A sine a channel: cycles a picture width along x and along y, and phase in cycles.

        `camera`: deviations over w of the rotation (radians) and of the shifts along x and y (picture widths).
        """
        network, n = self.generator.synthesis.input, len(waves)
        for value in (network.freqs, network.phases, network.weight, network.affine.weight):
            value.zero_()
        table = torch.tensor(waves)
        network.freqs[:n], network.phases[:n] = table[:, :2], table[:, 2]
        network.weight[:n, :n] = torch.eye(n) * math.sqrt(len(network.freqs))
        for row, deviation in enumerate(camera, 1):
            self._steer(network.affine, row, (0.0, {f"camera {row}": deviation}))

    def layer(self, rows: Rows, styles: Mapping[int, Style]) -> None:
        """Write the next layer; `styles` of the channels that it reads, PLAIN where there is none."""
        layer = next(self._layers)
        outputs, inputs = layer.weight.shape[:2]
        if len(rows.rows) >= outputs:
            raise ValueError(f"layer {layer.geometry.index} has room for {outputs - 1} rows, not {len(rows.rows)}")
        weight = _matrix(rows.rows, outputs, inputs)
        norm = float(weight.norm(dim=1).max()) * (DOMINANCE if styles else 1.01)
        weight[:, -1] = (norm**2 - weight.square().sum(1)).sqrt()
        layer.weight.copy_((weight / norm * math.sqrt(inputs))[:, :, None, None])
        layer.bias[: len(rows.rows)] = torch.tensor([e.constant for e in rows.rows])
        layer.magnitude_ema.fill_(norm**-2)
        self._style(layer.affine, styles)
        layer.fold()

    def torgb(self, colours: Sequence[Expression], styles: Mapping[int, Style]) -> Generator:
        """Write the last layer: red, green and blue, 0 to 1. Returns the generator."""
        layer = next(self._layers)
        inputs = layer.weight.shape[1]
        layer.weight.copy_((_matrix(colours, 3, inputs) * 2 * math.sqrt(inputs))[:, :, None, None])
        layer.bias.copy_(torch.tensor([2 * e.constant - 1 for e in colours]))
        self._style(layer.affine, styles)
        layer.fold()
        return self.generator

    def _style(self, affine: FullyConnected, styles: Mapping[int, Style]) -> None:
        affine.weight.zero_()
        affine.bias.zero_()
        for channel in range(len(affine.bias)):
            self._steer(affine, channel, styles.get(channel, PLAIN))

    def _steer(self, affine: FullyConnected, row: int, style: Style) -> None:
        """Add `style` to what `affine` makes of w in `row`."""
        mean, deviations = style
        affine.bias[row] += mean
        for name, deviation in deviations.items():
            weight, bias = self._direction(name)
            affine.weight[row] += deviation * weight
            affine.bias[row] += deviation * bias

    def _direction(self, name: str) -> tuple[Tensor, float]:
        """Weights and bias of a number that has mean 0 and deviation 1 over w, drawn when `name` is first asked for."""
        if name not in self._directions:
            gain = math.sqrt(self._w.shape[1])  # an affine layer divides by it
            weight = torch.randn(self._w.shape[1], generator=self._noise)
            weight = weight / (self._w @ weight).std() * gain
            self._directions[name] = weight, -float(self.generator.mapping.w_avg @ weight) / gain
        return self._directions[name]


def _matrix(rows: Sequence[Expression], outputs: int, inputs: int) -> Tensor:
    weight = torch.zeros(outputs, inputs)
    for row, e in enumerate(rows):
        for channel, value in e.terms.items():
            weight[row, channel] = value
    return weight
