"""RenderPlan: everything that was decided about a render, made once, saved beside the video as its manifest.

A render is a pure function of plan, audio and network: any chunk can be rendered by any worker at any time, twice, and
gives the same frames. So the plan fixes whatever changes a bit: device kind, dtype, batch, encoder, library versions.
"""

import json
from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from akma_core import __version__, timeline
from akma_core.audio.channels import Channels
from akma_core.errors import RequestError
from akma_core.media.encoder import NVENC, Encoder, choose
from akma_core.modulation.resolve import Modulation
from akma_core.modulation.walk import MIN_SEEDS
from akma_core.networks.canvas import Way
from akma_core.render.plan_base import (
    LIBRARIES,
    Count,
    DevicePart,
    Digest,
    EncoderPart,
    PlanPart,
    digest_of,
    libraries,
)
from akma_core.settings import FrameRate, Noise, RenderSettings, Seed, request_error
from akma_core.timeline import Chunk, chunk_borders, cut, frame_count, sample_at


class AudioPart(PlanPart):
    """The song."""

    sha256: Digest
    samples: Count
    sample_rate: Count
    channels: Count
    format: str
    codec: Literal["aac", "alac", "flac"]
    """Codec of the sound in the video."""


class CanvasPart(PlanPart):
    """Way a network fills a canvas of another shape than its own picture's; see networks.canvas."""

    way: Way
    columns: Annotated[int, Field(ge=2, le=128)]
    """Of a wide canvas, in sixteenths of the network's picture; what stands over the picture is cut."""
    rows: Annotated[int, Field(ge=2, le=128)]


class FlashPart(PlanPart):
    """Treatment of flashes; see media.flash."""

    limit: bool
    """Brightness is held where the picture would flash too often."""
    # Left out where it is what there was before: those plans keep their bytes.
    cells: Annotated[Literal["means", "points"], Field(exclude_if=lambda cells: cells == "means")] = "means"
    """Cells that are counted: means, 32 along the longer side, or single pixels, of which fine forms are seen too."""
    strict: Annotated[bool, Field(exclude_if=lambda strict: not strict)] = False
    """WCAG 2.2's field is held to as well, of single pixels."""


class NetworkPart(PlanPart):
    """The network."""

    name: str
    digest: Digest
    width: Count
    height: Count
    class_index: Annotated[int, Field(ge=0)]
    truncation_psi: float
    noise: Noise = "const"
    """Noise inputs: the network's own, none, or drawn for each frame from noise_seed."""
    noise_seed: Seed = 0
    canvas: CanvasPart | None = None
    """Size asked for, where it is not the network's own."""


class UpscalePart(PlanPart):
    """The upscaler that comes after the network."""

    name: str
    digest: Digest
    scale: Annotated[int, Field(ge=1, le=4)]


class CurvePart(PlanPart):
    """Settings that make loudness the curve; window and order as they fit the song."""

    window_length: Count
    polyorder: Annotated[int, Field(ge=0)]
    compression: Annotated[float, Field(gt=0)]
    original: bool
    # Left out where it is AKMA's: plans of before keep their bytes.
    channels: Annotated[Channels, Field(exclude_if=lambda channels: channels == "mean")] = "mean"


class RenderPlan(PlanPart):
    """See the module. Frames are numbered over the whole song; a cropped render shows some of them."""

    format: Literal["akma-plan"] = "akma-plan"
    version: Literal[1, 2] = 2
    """1: without modulation, which moves as preset akma does."""
    akma: str
    settings: RenderSettings
    """As they were asked for; everything that follows from them stands below."""
    audio: AudioPart
    network: NetworkPart
    upscale: UpscalePart | None = None
    width: Count
    """Width of the video, in pixels, even."""
    height: Count
    curve: CurvePart
    fps: FrameRate
    seeds_top: Annotated[tuple[Seed, ...], Field(min_length=MIN_SEEDS)]
    seeds_bottom: Annotated[tuple[Seed, ...], Field(min_length=MIN_SEEDS)]
    modulation: Modulation | None = None
    """Everything that moves the picture beside curve and seeds; always there from version 2 on."""
    flash: FlashPart | None = None
    """None in plans made before flashes were counted."""
    total_frames: Count
    """Frames of the whole song."""
    first_frame: Annotated[int, Field(ge=0)]
    frames: Count
    """Frames of this render."""
    device: DevicePart
    encoder: EncoderPart
    libraries: dict[str, str]
    notes: tuple[str, ...] = ()
    """Notes on what was decided otherwise than asked, for people."""

    @model_validator(mode="before")
    @classmethod
    def _of_version_1(cls, fields: Any) -> Any:
        """Settings of version 1 knew no presets: they moved as akma does."""
        if isinstance(fields, dict) and fields.get("version", 2) == 1 and isinstance(fields.get("settings"), dict):
            return {**fields, "settings": {"preset": "akma", **fields["settings"]}}
        return fields

    @model_validator(mode="after")
    def _consistent(self) -> "RenderPlan":
        if frame_count(self.audio.samples, self.audio.sample_rate, self.fps) != self.total_frames:
            raise ValueError(f"total_frames: are not what the song has at {self.fps} fps")
        if self.first_frame + self.frames > self.total_frames:
            raise ValueError("frames: go beyond the end of the song")
        if (self.version == 1) != (self.modulation is None):
            raise ValueError("modulation: goes with version 2 of a plan")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 over all that decides the video; not over wishes, names and notes."""
        undecisive: dict[str, Any] = {"settings": True, "notes": True, "network": {"name"}, "upscale": {"name"}}
        if (self.network.noise, self.network.noise_seed) == ("const", 0):  # as in every plan that did not know it
            undecisive["network"] |= {"noise", "noise_seed"}
        # What plans made before did not know leaves their digests as they were.
        if self.network.canvas is None:
            undecisive["network"] |= {"canvas"}
        if self.flash is None:
            undecisive["flash"] = True
        if self.modulation is None:
            undecisive["modulation"] = True  # version 1 did not know it
        else:
            undecisive["modulation"] = {"preset", "strength", "preset_rows"}  # the rows say what they come to
            if self.modulation.hits is None:
                undecisive["modulation"] |= {"hits"}  # plans of before did not know them
        return digest_of(self.model_dump(mode="json", exclude=undecisive))

    @property
    def chunk_count(self) -> int:
        """Number of chunks."""
        return len(self._borders) - 1

    def chunks(self) -> Iterator[Chunk]:
        """The chunks in order; together they are frames first_frame .. first_frame + frames."""
        return iter(cut(self.first_frame, self._borders))

    @property
    def chunk_ends(self) -> list[Fraction]:
        """Seconds from the video's start at which each chunk ends."""
        return [border / self.fps for border in self._borders[1:]]

    @cached_property
    def _borders(self) -> list[int]:
        return chunk_borders(self.frames, self.fps, timeline.CHUNK_SECONDS)

    @property
    def first_sample(self) -> int:
        """First sample of the song that sounds in the video."""
        return min(sample_at(self.first_frame, self.fps, self.audio.sample_rate), self.audio.samples - 1)

    @property
    def last_sample(self) -> int:
        """One past the last sample that sounds in the video."""
        return min(sample_at(self.first_frame + self.frames, self.fps, self.audio.sample_rate), self.audio.samples)

    def make_encoder(self) -> Encoder:
        """The encoder of every segment; RequestError where it does not take the size."""
        return Encoder(width=self.width, height=self.height, fps=self.fps, **self.encoder.model_dump())

    def replayed(self, device: DevicePart, encoder: str = "auto") -> "RenderPlan":
        """The same decisions for this machine: its device, its libraries, its encoder; notes say where they differ.

        `encoder`: as in the settings; auto is the plan's, or x264 where that does not open.
        """
        now = self.model_copy(update={"device": device, "libraries": libraries(), "akma": __version__})
        here = choose(self.make_encoder(), encoder, gpu=self.encoder.codec == NVENC)
        now = now.model_copy(update={"encoder": self.encoder.like(here)})
        if now.digest == self.digest:
            return self
        changed = [f"{name} {self.libraries.get(name, 'none')} -> {now.libraries[name]}" for name in LIBRARIES
                   if self.libraries.get(name) != now.libraries[name]]  # fmt: skip
        if self.akma != now.akma:
            changed.append(f"akma {self.akma} -> {now.akma}")
        if self.device != now.device:
            changed.append(f"device {self.device.kind}/{self.device.dtype} -> {device.kind}/{device.dtype}")
        notes = []
        if changed:
            apart = "up to 0.1 % of values may be off by one, a tenth on a GPU"
            notes.append(f"rendered again with {', '.join(changed)}: {apart}")
        if self.encoder != now.encoder:
            notes.append(f"encoded again by {now.encoder.codec}, not {self.encoder.codec}: it loses other details")
        return now.model_copy(update={"notes": (*self.notes, *notes)})


def read_plan(text: bytes, name: str) -> RenderPlan:
    """The plan in a manifest; RequestError where `text` is none."""
    try:
        manifest = json.loads(text)
        return RenderPlan.model_validate(manifest["plan"])
    except ValidationError as error:
        raise RequestError(
            f"{name} is not a manifest of AKMA's ({request_error(error)})", code="bad_manifest"
        ) from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RequestError(f"{name} is not a manifest of AKMA's", code="bad_manifest") from None
