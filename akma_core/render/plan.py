"""RenderPlan: everything that was decided about a render, made once, saved beside the video as its manifest.

A render is a pure function of plan, audio and network: any chunk can be rendered by any worker at any time, twice, and
gives the same frames. So the plan fixes whatever changes a bit: device kind, dtype, batch, encoder, library versions.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from importlib.metadata import version
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from akma_core import __version__
from akma_core.audio.reader import AudioReader, frame_count
from akma_core.errors import RequestError
from akma_core.media.encoder import DEFAULT_PRESET, NVENC, Encoder, choose, default_bit_rate
from akma_core.media.mux import AudioTrack
from akma_core.modulation.envelope import effective_window
from akma_core.modulation.walk import BOTTOM_PER_SECOND, MIN_SEEDS, TOP_PER_SECOND, draw_seeds, seed_count
from akma_core.networks.card import NetworkCard
from akma_core.settings import MAX_SIDE, FrameRate, RenderSettings, Seed, request_error

CHUNK_SECONDS = (1, 2, 4)  # the first, the second, every other: so that watching can start early
ENCODER_THREADS = 2  # fixed, not the machine's: x264 decodes to other pixels with another count
LIBRARIES = ("torch", "numba", "numpy", "scipy", "av")  # whose versions may change a bit of a frame
Count = Annotated[int, Field(ge=1)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AudioPart(_Part):
    """Which song."""

    sha256: Digest
    samples: Count
    sample_rate: Count
    channels: Count
    format: str
    codec: Literal["aac", "alac", "flac"]
    """Of the sound in the video."""


class NetworkPart(_Part):
    """Which network."""

    name: str
    digest: Digest
    width: Count
    height: Count
    class_index: Annotated[int, Field(ge=0)]
    truncation_psi: float


class UpscalePart(_Part):
    """Which upscaler comes after the network."""

    name: str
    digest: Digest
    scale: Annotated[int, Field(ge=1, le=4)]


class CurvePart(_Part):
    """How loudness becomes the curve; window and order as they fit the song."""

    window_length: Count
    polyorder: Annotated[int, Field(ge=0)]
    compression: Annotated[float, Field(gt=0)]
    original: bool


class DevicePart(_Part):
    """What kind of device computes, and how; a worker that cannot match it leaves the plan alone."""

    kind: Literal["cpu", "cuda"]
    dtype: Literal["float32", "float16"]
    batch: Annotated[int, Field(ge=1, le=1024)]


class EncoderPart(_Part):
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


@dataclass(frozen=True)
class Chunk:
    """A run of frames rendered into one segment; `start` counts from the first frame of the whole song."""

    index: int
    start: int
    frames: int


class RenderPlan(_Part):
    """See the module. Frames are numbered over the whole song; a cropped render shows some of them."""

    format: Literal["akma-plan"] = "akma-plan"
    version: Literal[1] = 1
    akma: str
    settings: RenderSettings
    """As they were asked for; everything that follows from them stands below."""
    audio: AudioPart
    network: NetworkPart
    upscale: UpscalePart | None = None
    width: Count
    """Of the video, in pixels, even."""
    height: Count
    curve: CurvePart
    fps: FrameRate
    seeds_top: Annotated[tuple[Seed, ...], Field(min_length=MIN_SEEDS)]
    seeds_bottom: Annotated[tuple[Seed, ...], Field(min_length=MIN_SEEDS)]
    total_frames: Count
    """Frames of the whole song."""
    first_frame: Annotated[int, Field(ge=0)]
    frames: Count
    """Frames of this render."""
    device: DevicePart
    encoder: EncoderPart
    libraries: dict[str, str]
    notes: tuple[str, ...] = ()
    """What was decided otherwise than asked, for people."""

    @model_validator(mode="after")
    def _consistent(self) -> "RenderPlan":
        if frame_count(self.audio.samples, self.audio.sample_rate, self.fps) != self.total_frames:
            raise ValueError(f"total_frames: are not what the song has at {self.fps} fps")
        if self.first_frame + self.frames > self.total_frames:
            raise ValueError("frames: go beyond the end of the song")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 over all that decides the video; not over wishes, names and notes."""
        decisive = self.model_dump(
            mode="json", exclude={"settings": True, "notes": True, "network": {"name"}, "upscale": {"name"}}
        )
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    @property
    def chunk_count(self) -> int:
        return len(self._borders) - 1

    def chunks(self) -> Iterator[Chunk]:
        """The chunks in order; together they are frames first_frame .. first_frame + frames."""
        for index, (start, stop) in enumerate(zip(self._borders, self._borders[1:], strict=False)):
            yield Chunk(index, self.first_frame + start, stop - start)

    @cached_property
    def _borders(self) -> list[int]:
        first, second, usual = (max(1, round(seconds * self.fps)) for seconds in CHUNK_SECONDS)
        borders = [0, first, *range(first + second, self.frames, usual)]
        return [*(border for border in borders if border < self.frames), self.frames]

    @property
    def first_sample(self) -> int:
        """First sample of the song that sounds in the video."""
        return min(round(self.first_frame / self.fps * self.audio.sample_rate), self.audio.samples - 1)

    @property
    def last_sample(self) -> int:
        """One past the last sample that sounds in the video."""
        end = round((self.first_frame + self.frames) / self.fps * self.audio.sample_rate)
        return min(end, self.audio.samples)

    def make_encoder(self) -> Encoder:
        """The encoder of every segment; RequestError where it does not take the size."""
        return Encoder(width=self.width, height=self.height, fps=self.fps, **self.encoder.model_dump())

    def check(self, reader: AudioReader) -> None:
        """RequestError where the encoder does not take the pictures or the codec the sound: now, not after hours."""
        self.make_encoder().check()
        AudioTrack(reader, self.first_sample, self.last_sample, self.audio.codec)

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
            notes.append(f"rendered again with {', '.join(changed)}: up to 0.1 % of values may be off by one")
        if self.encoder != now.encoder:
            notes.append(f"encoded again by {now.encoder.codec}, not {self.encoder.codec}: it loses other details")
        return now.model_copy(update={"notes": (*self.notes, *notes)})


def make_plan(
    settings: RenderSettings,
    reader: AudioReader,
    audio_sha256: str,
    card: NetworkCard,
    device: DevicePart,
    upscale: UpscalePart | None = None,
) -> RenderPlan:
    """Decide everything; `upscale` is what settings.upscale names. RequestError where things do not go together."""
    info, fps = reader.info, settings.fps
    total = frame_count(info.samples, info.sample_rate, fps)
    first, frames = crop(settings, total, info.duration)
    if settings.class_index >= max(card.classes, 1):
        message = f"class {settings.class_index} does not exist: network {card.name} has {card.classes or 'no'} classes"
        raise RequestError(message, code="bad_setting", field="class")

    window, polyorder, notes = effective_window(total, settings.window_length, settings.polyorder)
    top, bottom = _seeds(settings, info.duration, audio_sha256, card)
    (width, height), size_notes = video_size(settings, card, upscale)
    bit_rate = default_bit_rate(width, height, fps) if settings.bit_rate == "auto" else settings.bit_rate
    plan = RenderPlan(
        akma=__version__,
        settings=settings,
        audio=AudioPart(
            sha256=audio_sha256,
            samples=info.samples,
            sample_rate=info.sample_rate,
            channels=info.channels,
            format=info.format,
            codec=settings.audio_codec,
        ),
        network=NetworkPart(
            name=card.name,
            digest=card.digest,
            width=card.width,
            height=card.height,
            class_index=settings.class_index,
            truncation_psi=settings.truncation_psi,
        ),
        upscale=upscale,
        width=width,
        height=height,
        curve=CurvePart(
            window_length=window,
            polyorder=polyorder,
            compression=settings.compression,
            original=settings.original,
        ),
        fps=fps,
        seeds_top=top,
        seeds_bottom=bottom,
        total_frames=total,
        first_frame=first,
        frames=frames,
        device=device,
        encoder=EncoderPart(
            crf=None if bit_rate else settings.crf,
            bit_rate=bit_rate,
            gop=max(1, round(CHUNK_SECONDS[-1] * fps)),
        ),
        libraries=libraries(),
        notes=(*notes, *size_notes),
    )
    encoder = choose(plan.make_encoder(), settings.encoder, gpu=device.kind == "cuda")
    plan = plan.model_copy(update={"encoder": plan.encoder.like(encoder)})
    plan.check(reader)
    return plan


def video_size(
    settings: RenderSettings, card: NetworkCard, upscale: UpscalePart | None
) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Width and height of the video in pixels, even, and what there is to say about them."""
    if settings.size:
        width, height = map(int, settings.size.split("x"))
    else:
        scale = settings.outscale or (upscale.scale if upscale else 1)
        width, height = round(card.width * scale), round(card.height * scale)
    if max(width, height) > MAX_SIDE:
        message = f"the video would be {width}x{height}: give a smaller outscale, or size (up to {MAX_SIDE}x{MAX_SIDE})"
        raise RequestError(message, code="bad_setting", field="outscale")
    even = width // 2 * 2, height // 2 * 2
    if even == (width, height):
        return even, ()
    return even, (f"{width}x{height} pictures cut to {even[0]}x{even[1]}: video wants even sizes",)


def crop(settings: RenderSettings, total: int, duration: float) -> tuple[int, int]:
    """First frame and number of frames that `start` and `duration` leave of `total`; RequestError beyond the end."""
    if settings.start >= duration:
        message = f"start {settings.start:g} is beyond the end of the song ({duration:.3f} seconds)"
        raise RequestError(message, code="bad_setting", field="start")
    first = min(math.floor(settings.start * settings.fps + Fraction(1, 2)), total - 1)
    if settings.duration is None:
        return first, total - first
    # Rounded, so that 0.1 s at 30 fps is 3 frames although 0.1 is a little more than a tenth.
    wanted = math.ceil(round(settings.duration * settings.fps, 9))
    return first, min(total - first, max(1, wanted))


def _seeds(
    settings: RenderSettings, duration: float, audio_sha256: str, card: NetworkCard
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The lists as given, or drawn: from `seed`, without one from the song, out of the network's own choice."""
    entropy = settings.seed if settings.seed is not None else int(audio_sha256, 16)
    top_rng, bottom_rng = (np.random.default_rng(child) for child in np.random.SeedSequence(entropy).spawn(2))
    top_num = settings.seeds_top_num or seed_count(duration, TOP_PER_SECOND)
    bottom_num = settings.seeds_bottom_num or seed_count(duration, BOTTOM_PER_SECOND)
    top = settings.seeds_top or draw_seeds(top_num, card.seeds_top, top_rng)
    bottom = settings.seeds_bottom or draw_seeds(bottom_num, card.seeds_bottom, bottom_rng)
    return top, bottom


def libraries() -> dict[str, str]:
    """Installed versions of what decides the pixels, without build tags ("2.13.0+cpu" is 2.13.0)."""
    return {name: version(name).partition("+")[0] for name in LIBRARIES}


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
