"""Parts that every plan has: of a render and of an upscaled video."""

import hashlib
import json
from importlib.metadata import version
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from akma_core.media.encoder import DEFAULT_PRESET, Encoder

ENCODER_THREADS = 2  # fixed, not the machine's: x264 decodes to other pixels with another count
LIBRARIES = ("torch", "numba", "numpy", "scipy", "av")  # whose versions may change a bit of a frame
Count = Annotated[int, Field(ge=1)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class PlanPart(BaseModel):
    """Frozen; unknown fields, NaN and infinity refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DevicePart(PlanPart):
    """Kind of device that computes, and how; a worker that cannot match it leaves the plan alone."""

    kind: Literal["cpu", "cuda"]
    dtype: Literal["float32", "float16"]
    batch: Annotated[int, Field(ge=1, le=1024)]


class EncoderPart(PlanPart):
    """Arguments of video.Encoder that the plan does not say elsewhere."""

    codec: Literal["libx264", "h264_nvenc"] = "libx264"
    preset: str = DEFAULT_PRESET
    crf: float | None = None
    bit_rate: int | None = None
    threads: Annotated[int, Field(ge=1, le=128)] = ENCODER_THREADS
    gop: Count

    def like(self, encoder: Encoder) -> "EncoderPart":
        """The same with that encoder's codec and preset."""
        return self.model_copy(update={"codec": encoder.codec, "preset": encoder.preset})


def libraries() -> dict[str, str]:
    """Installed versions of what decides the pixels, without build tags ("2.13.0+cpu" is 2.13.0)."""
    return {name: version(name).partition("+")[0] for name in LIBRARIES}


def digest_of(decisive: dict[str, Any]) -> str:
    """SHA-256 of what decides a video, as JSON with sorted keys: 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
