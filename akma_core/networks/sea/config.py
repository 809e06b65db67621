"""Constants that decide a pixel of the sea besides w, time and camera."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class SeaConfig(BaseModel):
    """Constants of a sea. Frozen; unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    revision: Literal[3] = 3
    """Raised with every change of the code that changes a pixel: it is part of the network's digest."""
    z_dim: Literal[16] = 16
    w_dim: Literal[16] = 16
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 22
    """Seed of the phases of the waves and of the clouds."""
    lengths: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=4, max_length=4)] = (
        797.0,
        131.0,
        21.7,
        3.7,
    )
    """Sides of the four tiles whose waves add up, metres; without a common measure, so that nothing repeats."""
    img_resolution: Annotated[int, Field(ge=16, le=16384)] = 512
    """Side of a picture where no other size is asked for, pixels."""
