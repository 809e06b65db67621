"""Configuration of a StyleGAN3 generator, and the geometry that follows from it.

Karras et al., "Alias-Free Generative Adversarial Networks", NeurIPS 2021. Every derived size is a pure function of the
configuration, in float64, so that a network is rebuilt from a few numbers and nothing in a file has to be believed.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from akma_core.errors import RequestError

Dim = Annotated[int, Field(ge=1, le=8192)]


class GeneratorConfig(BaseModel):
    """Constructor arguments of a generator, under the names that StyleGAN users know. Frozen; unknown ones refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    z_dim: Dim
    c_dim: Annotated[int, Field(ge=0, le=8192)] = 0
    w_dim: Dim
    img_resolution: Annotated[int, Field(ge=16, le=4096)]
    """Width and height of a picture in pixels."""
    img_channels: Annotated[int, Field(ge=1, le=64)] = 3
    mapping_layers: Annotated[int, Field(ge=1, le=64)] = 2
    lr_multiplier: Annotated[float, Field(gt=0, le=100)] = 0.01
    """Learning-rate multiplier of the mapping network: its weights are stored divided by it."""
    channel_base: Annotated[int, Field(ge=1, le=2**24)] = 32768
    channel_max: Annotated[int, Field(ge=1, le=4096)] = 512
    conv_kernel: Annotated[int, Field(ge=1, le=7)] = 3
    """3 in configuration T, 1 in R."""
    use_radial_filters: bool = False
    """Radially symmetric down filters, configuration R."""
    num_layers: Annotated[int, Field(ge=3, le=64)] = 14
    num_critical: Annotated[int, Field(ge=0, le=63)] = 2
    first_cutoff: Annotated[float, Field(gt=0, le=4096)] = 2.0
    first_stopband: Annotated[float, Field(gt=0, le=4096)] = 2**2.1
    last_stopband_rel: Annotated[float, Field(gt=0, le=16)] = 2**0.3
    margin_size: Annotated[int, Field(ge=0, le=64)] = 10
    output_scale: Annotated[float, Field(gt=0, le=1e6)] = 0.25
    num_fp16_res: Annotated[int, Field(ge=0, le=16)] = 4
    conv_clamp: Annotated[float, Field(gt=0, le=1e6)] | None = 256.0
    filter_size: Annotated[int, Field(ge=1, le=16)] = 6
    lrelu_upsampling: Annotated[int, Field(ge=1, le=8)] = 2

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.num_critical >= self.num_layers:
            raise ValueError("num_critical must be smaller than num_layers")
        if 2 * self.first_cutoff >= self.img_resolution or self.conv_kernel % 2 == 0:
            raise ValueError("first_cutoff or conv_kernel does not fit the resolution")
        return self

    @classmethod
    def from_init_kwargs(cls, kwargs: dict[str, Any]) -> Self:
        """The configuration behind the `_init_kwargs` of an official file; RequestError where it makes no sense."""
        flat = dict(kwargs)
        mapping = dict(flat.pop("mapping_kwargs", None) or {})
        mapping.pop("w_avg_beta", None)  # training only
        flat.pop("magnitude_ema_beta", None)  # training only
        if "num_layers" in mapping:
            flat["mapping_layers"] = mapping.pop("num_layers")
        if "lr_multiplier" in mapping:
            flat["lr_multiplier"] = mapping.pop("lr_multiplier")
        try:
            if mapping:
                raise ValueError(f"unknown mapping arguments {', '.join(sorted(map(str, mapping)))}")
            return cls(**flat)
        except (ValidationError, ValueError, TypeError) as error:
            detail = error.errors()[0] if isinstance(error, ValidationError) else None
            what = f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" if detail else str(error)
            raise RequestError(
                f"the network's configuration is not a StyleGAN3 generator's ({what})", code="bad_network"
            ) from None

    @property
    def num_ws(self) -> int:
        """Rows of ws: one for the Fourier input, one a layer, one for ToRGB."""
        return self.num_layers + 2

    @cached_property
    def layers(self) -> tuple["Layer", ...]:
        """Geometry of layers 0..num_layers, the last being ToRGB."""
        return _layers(self)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every weight of the published state dict with its shape, filters left out: they follow from the geometry."""
        features = self.z_dim
        found: dict[str, tuple[int, ...]] = {"mapping.w_avg": (self.w_dim,)}
        if self.c_dim:
            found |= {"mapping.embed.weight": (self.w_dim, self.c_dim), "mapping.embed.bias": (self.w_dim,)}
            features += self.w_dim
        for j in range(self.mapping_layers):
            found |= {f"mapping.fc{j}.weight": (self.w_dim, features), f"mapping.fc{j}.bias": (self.w_dim,)}
            features = self.w_dim
        first = self.layers[0].in_channels
        found |= {
            "synthesis.input.weight": (first, first),
            "synthesis.input.affine.weight": (4, self.w_dim),
            "synthesis.input.affine.bias": (4,),
            "synthesis.input.transform": (3, 3),
            "synthesis.input.freqs": (first, 2),
            "synthesis.input.phases": (first,),
        }
        for layer in self.layers:
            prefix = f"synthesis.{layer.name}"
            found |= {
                f"{prefix}.weight": (layer.out_channels, layer.in_channels, layer.kernel, layer.kernel),
                f"{prefix}.bias": (layer.out_channels,),
                f"{prefix}.affine.weight": (layer.in_channels, self.w_dim),
                f"{prefix}.affine.bias": (layer.in_channels,),
                f"{prefix}.magnitude_ema": (),
            }
        return found

    @property
    def flavour(self) -> str:
        """ "R" (rotation equivariant: 1x1 convolutions, radial filters), else "T"."""
        return "R" if self.conv_kernel == 1 and self.use_radial_filters else "T"


@dataclass(frozen=True)
class Layer:
    """Geometry of one synthesis layer; sizes in samples a side, rates in samples an image width."""

    index: int
    in_channels: int
    out_channels: int
    in_size: int
    out_size: int
    in_rate: float
    out_rate: float
    in_cutoff: float
    out_cutoff: float
    in_half_width: float
    out_half_width: float
    kernel: int
    """Side of the convolution kernel."""
    up: int
    down: int
    up_taps: int
    down_taps: int
    radial: bool
    is_torgb: bool
    pad_lo: int
    """Samples of padding before the first on the upsampled grid; negative crops."""
    pad_hi: int
    use_fp16: bool

    @property
    def name(self) -> str:
        return f"L{self.index}_{self.out_size}_{self.out_channels}"

    @property
    def conv_size(self) -> int:
        """Side of the full convolution's result."""
        return self.in_size + self.kernel - 1

    @property
    def tmp_rate(self) -> float:
        """Sampling rate at which the nonlinearity is applied."""
        return self.in_rate * self.up


def ws_rates(layers: tuple[Layer, ...]) -> tuple[float, ...]:
    """Sampling rate of the layer that each row of ws feeds: 0 for the Fourier input, infinite for ToRGB."""
    return (0.0, *(math.inf if layer.is_torgb else layer.out_rate for layer in layers))


def _layers(cfg: GeneratorConfig) -> tuple[Layer, ...]:
    n, critical, res = cfg.num_layers, cfg.num_critical, cfg.img_resolution
    exponent = np.minimum(np.arange(n + 1) / (n - critical), 1)
    last_cutoff = res / 2
    cutoff = cfg.first_cutoff * (last_cutoff / cfg.first_cutoff) ** exponent
    last_stopband = last_cutoff * cfg.last_stopband_rel
    stopband = cfg.first_stopband * (last_stopband / cfg.first_stopband) ** exponent
    rate = np.exp2(np.ceil(np.log2(np.minimum(2 * stopband, res))))
    half_width = np.maximum(stopband, rate / 2) - cutoff
    size = (rate + 2 * cfg.margin_size).astype(int)
    size[-2:] = res
    channels = np.rint(np.minimum((cfg.channel_base / 2) / cutoff, cfg.channel_max)).astype(int)
    channels[-1] = cfg.img_channels

    layers = []
    for i in range(n + 1):
        prev, torgb = max(i - 1, 0), i == n
        tmp_rate = max(rate[prev], rate[i]) * (1 if torgb else cfg.lrelu_upsampling)
        up, down = round(tmp_rate / rate[prev]), round(tmp_rate / rate[i])
        up_taps = cfg.filter_size * up if up > 1 and not torgb else 1
        down_taps = cfg.filter_size * down if down > 1 and not torgb else 1
        kernel = 1 if torgb else cfg.conv_kernel
        conv_size = int(size[prev]) + kernel - 1
        pad = (int(size[i]) - 1) * down + 1 - conv_size * up + up_taps + down_taps - 2
        lo = math.floor((pad + up) / 2)
        layers.append(
            Layer(
                index=i,
                in_channels=int(channels[prev]),
                out_channels=int(channels[i]),
                in_size=int(size[prev]),
                out_size=int(size[i]),
                in_rate=float(rate[prev]),
                out_rate=float(rate[i]),
                in_cutoff=float(cutoff[prev]),
                out_cutoff=float(cutoff[i]),
                in_half_width=float(half_width[prev]),
                out_half_width=float(half_width[i]),
                kernel=kernel,
                up=up,
                down=down,
                up_taps=up_taps,
                down_taps=down_taps,
                radial=cfg.use_radial_filters and i < n - critical and down_taps > 1,
                is_torgb=torgb,
                pad_lo=lo,
                pad_hi=pad - lo,
                use_fp16=bool(rate[i] * 2**cfg.num_fp16_res > res),
            )
        )
    return tuple(layers)
