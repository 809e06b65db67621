"""Configuration of a StyleGAN2 generator, and the blocks that follow from it.

Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, and "Training Generative Adversarial
Networks with Limited Data", NeurIPS 2020. Every size is a pure function of the configuration, so that a network is
rebuilt from a few numbers and nothing in a file has to be believed.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from akma_core.errors import RequestError

Dim = Annotated[int, Field(ge=1, le=8192)]
Side = Annotated[int, Field(ge=1, le=64)]
Tap = Annotated[float, Field(ge=-1e6, le=1e6)]
MAX_SIDE = 16384  # pixels, as on a network's card
MAX_PIXELS = 4096 * 4096


class GeneratorConfig(BaseModel):
    """Settings of a generator, mostly under the names StyleGAN users know. Strict, frozen; unknown ones refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    z_dim: Dim
    c_dim: Annotated[int, Field(ge=0, le=8192)] = 0
    w_dim: Dim
    img_resolution: Annotated[int, Field(ge=4, le=4096)]
    """Side of the picture in pixels where `init_res` is 4 by 4: a power of two."""
    img_channels: Annotated[int, Field(ge=1, le=64)] = 3
    init_res: Annotated[tuple[Side, Side], Field(strict=False)] = (4, 4)
    """Height and width of the constant; other than 4 by 4 in wide networks, whose pictures have its proportions."""
    channel_base: Annotated[int, Field(ge=1, le=2**24)] = 32768
    channel_max: Annotated[int, Field(ge=1, le=4096)] = 512
    channels: Annotated[tuple[Dim, ...], Field(strict=False, max_length=11)] | None = None
    """Channels of each block from 4 pixels on, where channel_base and channel_max do not say it."""
    architecture: Literal["skip", "resnet", "orig"] = "skip"
    resample_filter: Annotated[tuple[Tap, ...], Field(strict=False, min_length=1, max_length=16)] = (1, 3, 3, 1)
    """One axis of the FIR filter that upsamples, of any sum but zero."""
    use_noise: bool = True
    conv_clamp: Annotated[float, Field(gt=0, le=1e6)] | None = None
    num_fp16_res: Annotated[int, Field(ge=0, le=16)] = 0
    """Blocks of the highest resolutions that half precision is meant for; never the first one."""
    mapping_layers: Annotated[int, Field(ge=1, le=64)] = 8
    lr_multiplier: Annotated[float, Field(gt=0, le=100)] = 0.01
    """Learning-rate multiplier of the mapping network: its weights are stored divided by it."""
    embed_features: Dim | None = None
    """Width of the class embedding; None: w_dim, or z_dim where `embedding` is "concat"."""
    layer_features: Dim | None = None
    """Width of the mapping network's hidden layers; None: w_dim."""
    embedding: Literal["normalized", "concat"] = "normalized"
    """Order in which a class joins z: normalised by itself, or (networks of 2019) normalised together with z."""
    has_w_avg: bool = True
    """False: there is no average w, and so no truncation."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.img_resolution & (self.img_resolution - 1):
            raise ValueError("img_resolution must be a power of two")
        if self.height > MAX_SIDE or self.width > MAX_SIDE or self.height * self.width > MAX_PIXELS:
            raise ValueError(f"init_res makes pictures of {self.width}x{self.height}, too large")
        if self.channels is not None and len(self.channels) != self.num_blocks:
            raise ValueError(f"channels must have {self.num_blocks} entries, one for each block")
        if abs(total := sum(self.resample_filter)) < 1e-6 * max(map(abs, self.resample_filter)) or total == 0:
            raise ValueError("resample_filter must not sum to zero")
        return self

    @classmethod
    def checked(cls, settings: dict[str, Any]) -> Self:
        """The configuration of these settings; RequestError (bad_network) in one line where they make no sense."""
        try:
            return cls(**settings)
        except (ValidationError, TypeError) as error:
            detail = error.errors(include_url=False)[0] if isinstance(error, ValidationError) else None
            where = ".".join(map(str, detail["loc"]))[:80] if detail else ""
            what = f"{where}: {detail['msg']}".removeprefix(": ") if detail else str(error)
            raise RequestError(
                f"the network's configuration is not a StyleGAN2 generator's ({what})", code="bad_network"
            ) from None

    @property
    def num_blocks(self) -> int:
        """Blocks from 4 pixels to `img_resolution`."""
        return int(math.log2(self.img_resolution)) - 1

    @property
    def num_ws(self) -> int:
        """Rows of ws: one for each convolution, and one for the last ToRGB."""
        return 2 * self.num_blocks

    @property
    def height(self) -> int:
        return self.img_resolution // 4 * self.init_res[0]

    @property
    def width(self) -> int:
        return self.img_resolution // 4 * self.init_res[1]

    @property
    def taps(self) -> tuple[float, ...]:
        """One axis of the resampling filter, its sum 1."""
        return tuple(tap / sum(self.resample_filter) for tap in self.resample_filter)

    @property
    def flavour(self) -> str:
        """For people: the architecture, and "wide" where pictures are not square."""
        return self.architecture if self.height == self.width else f"{self.architecture}, wide"

    @cached_property
    def blocks(self) -> tuple["Block", ...]:
        """The blocks of 4, 8, ... `img_resolution` pixels."""
        found: list[Block] = []
        for k in range(self.num_blocks):
            resolution = 4 << k
            formula = max(1, min(self.channel_base // resolution, self.channel_max))
            found.append(
                Block(
                    resolution=resolution,
                    height=self.init_res[0] << k,
                    width=self.init_res[1] << k,
                    in_channels=found[-1].channels if found else 0,
                    channels=self.channels[k] if self.channels else formula,
                    has_torgb=self.architecture == "skip" or resolution == self.img_resolution,
                    first_w=max(0, 2 * k - 1),
                    use_fp16=resolution >= max(8, 2 * self.img_resolution >> self.num_fp16_res),
                )
            )
        return tuple(found)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every weight of the published state dict with its shape; resampling filters left out, being recomputed."""
        found = self._mapping_shapes()
        for block in self.blocks:
            prefix, channels = f"synthesis.{block.name}", block.channels
            if not block.in_channels:
                found[f"{prefix}.const"] = (channels, *self.init_res)
            for name, inputs in block.convolutions:
                found |= {
                    f"{prefix}.{name}.weight": (channels, inputs, 3, 3),
                    f"{prefix}.{name}.bias": (channels,),
                    f"{prefix}.{name}.affine.weight": (inputs, self.w_dim),
                    f"{prefix}.{name}.affine.bias": (inputs,),
                }
                if self.use_noise:
                    found[f"{prefix}.{name}.noise_const"] = (block.height, block.width)
                    found[f"{prefix}.{name}.noise_strength"] = ()
            if block.has_torgb:
                found |= {
                    f"{prefix}.torgb.weight": (self.img_channels, channels, 1, 1),
                    f"{prefix}.torgb.bias": (self.img_channels,),
                    f"{prefix}.torgb.affine.weight": (channels, self.w_dim),
                    f"{prefix}.torgb.affine.bias": (channels,),
                }
            if self.architecture == "resnet" and block.in_channels:
                found[f"{prefix}.skip.weight"] = (channels, block.in_channels, 1, 1)
        return found

    def _mapping_shapes(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        if self.has_w_avg:
            found["mapping.w_avg"] = (self.w_dim,)
        if self.c_dim:
            found["mapping.embed.weight"] = (self.embedding_width, self.c_dim)
            if self.embedding == "normalized":
                found["mapping.embed.bias"] = (self.embedding_width,)
        for j, (inputs, outputs) in enumerate(self.mapping_widths):
            found |= {f"mapping.fc{j}.weight": (outputs, inputs), f"mapping.fc{j}.bias": (outputs,)}
        return found

    @property
    def embedding_width(self) -> int:
        """Numbers that a class adds to z; 0 without classes."""
        default = self.w_dim if self.embedding == "normalized" else self.z_dim
        return (self.embed_features or default) if self.c_dim else 0

    @property
    def mapping_widths(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each layer of the mapping network."""
        hidden = [self.layer_features or self.w_dim] * (self.mapping_layers - 1)
        widths = [self.z_dim + self.embedding_width, *hidden, self.w_dim]
        return list(pairwise(widths))


@dataclass(frozen=True)
class Block:
    """Geometry of the layers of one resolution."""

    resolution: int
    """Side in pixels, where the network is not wide: what the block is named after."""
    height: int
    width: int
    in_channels: int
    """Channels of the block below, which is half as large; 0 in the first."""
    channels: int
    has_torgb: bool
    first_w: int
    """Row of ws of the first convolution; the next layer takes the next."""
    use_fp16: bool

    @property
    def name(self) -> str:
        return f"b{self.resolution}"

    @property
    def convolutions(self) -> tuple[tuple[str, int], ...]:
        """Names and input channels of the 3x3 convolutions."""
        conv1 = ("conv1", self.channels)
        return (("conv0", self.in_channels), conv1) if self.in_channels else (conv1,)
