"""Encoders of H.264: codec, quality and size, and which there are on this machine."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.video.codeccontext import VideoCodecContext

from akma_core.errors import RequestError

X264, NVENC = "libx264", "h264_nvenc"
PRESETS = {
    X264: ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"),
    NVENC: ("p1", "p2", "p3", "p4", "p5", "p6", "p7"),
}
DEFAULT_PRESETS = {X264: "veryfast", NVENC: "p4"}
DEFAULT_PRESET = DEFAULT_PRESETS[X264]
DEFAULT_CRF = 16.0  # on noisy, colourful 1024x1024: 38.6 dB; the noise alone (2 of 255) is 42 dB
MAX_SIDE = 16384  # libx264's limit; NVENC's is 4096, which only opening it tells

TINY = range(64 * 64 + 1, 128 * 96)  # pixels; other bytes once in 75 encodings at 96x96, never in 900 at either end

BT709 = 1  # ITU-T H.273: primaries, transfer and matrix share the number
LIMITED_RANGE = 1  # AVCOL_RANGE_MPEG

# AKMA's table for 16:9 in Mbit/s; it has 576p at 30 only, whose other rates take 720p's proportions.
RATES = (24, 30, 48, 60)
TABLE = {
    1024 * 576: (1.2, 1.5, 1.86, 2.1),
    1280 * 720: (2.0, 2.5, 3.1, 3.5),
    1920 * 1080: (3.5, 4.0, 4.9, 5.5),
}


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """Settings of the encoder; part of a plan, since each of these changes the bytes. Raises RequestError."""

    width: int
    height: int
    """Pixels, even, 2 to 16384."""
    fps: Fraction
    """Frames per second, numerator and denominator below 2^31."""
    codec: str = X264
    """libx264, or h264_nvenc: the encoder of NVIDIA's chips, where they have one."""
    preset: str = DEFAULT_PRESET
    """One of the codec's PRESETS. Segments of different presets hardly ever join."""
    crf: float | None = None
    """Constant quality, 1 (near lossless) to 51, NVENC's `cq`; either this or `bit_rate`."""
    bit_rate: int | None = None
    """Average bit/s of each segment, at least 1000."""
    threads: int = 2
    """1 to 128, of libx264. Another count decodes to other pixels."""
    gop: int = 120
    """At most this many frames from one key frame to the next."""
    primaries: int = BT709
    """H.273 number of the colours that the planes' red, green and blue are; a tag only."""
    transfer: int = BT709
    """H.273 number of their curve; a tag only."""
    aspect: Fraction = Fraction(1)
    """Width of a pixel as shown, in heights."""

    def __post_init__(self) -> None:
        for name in ("width", "height"):
            side = getattr(self, name)
            if not 2 <= side <= MAX_SIDE or side % 2:
                message = f"cannot encode {self.width}x{self.height}: sides are even, from 2 to {MAX_SIDE}"
                raise RequestError(message, field=name)
        if self.fps <= 0 or max(self.fps.numerator, self.fps.denominator) >= 2**31:
            raise RequestError(f"fps must be above 0 and a plain fraction, not {self.fps}", field="fps")
        if self.codec not in PRESETS:
            raise RequestError(f"codec {self.codec} is not one of {', '.join(PRESETS)}", field="codec")
        if self.preset not in PRESETS[self.codec]:
            known = ", ".join(PRESETS[self.codec])
            raise RequestError(f"preset {self.preset} is not one of {known}", field="preset")
        if (self.crf is None) == (self.bit_rate is None):
            raise RequestError("set either crf or bit_rate", field="crf")
        if self.crf is not None and not 1 <= self.crf <= 51:
            raise RequestError(f"crf must be from 1 to 51, not {self.crf}", field="crf")
        if self.bit_rate is not None and not 1000 <= self.bit_rate < 2**31:
            message = f"bit_rate must be from 1000 to 2^31 bit/s, not {self.bit_rate}"
            raise RequestError(message, field="bit_rate")
        if not 1 <= self.threads <= 128:
            raise RequestError(f"encoder threads must be from 1 to 128, not {self.threads}", field="threads")
        if self.gop < 1:
            raise RequestError(f"gop must be at least 1 frame, not {self.gop}", field="gop")

    def configure(self, context: VideoCodecContext) -> None:
        """Sets up a context of the codec, not yet open."""
        context.width, context.height, context.pix_fmt = self.width, self.height, "yuv420p"
        context.framerate, context.time_base = self.fps, 1 / self.fps
        context.gop_size, context.max_b_frames = self.gop, 0
        if self.aspect != 1:
            context.sample_aspect_ratio = self.aspect
        context.color_primaries, context.color_trc, context.colorspace = self.primaries, self.transfer, BT709
        context.color_range = LIMITED_RANGE
        if self.bit_rate is not None:
            context.bit_rate = self.bit_rate
        if self.codec == NVENC:
            context.options = self._nvenc_options
        else:
            # Frame threads look at whole pictures; slices would cost quality and depend on their count as well.
            context.thread_count, context.thread_type = self.threads, "FRAME"
            context.options = self._x264_options

    @property
    def _x264_options(self) -> dict[str, str]:
        # stitchable: headers that follow from the settings and not from the content.
        parameters = "stitchable=1"
        if min(self.width, self.height) < 64 or self.width * self.height in TINY:
            parameters += ":mbtree=0"  # gives other bytes now and then where a picture is a few macroblocks
        quality = {} if self.crf is None else {"crf": f"{self.crf:g}"}
        return {"preset": self.preset, "profile": "high", "x264-params": parameters} | quality

    @property
    def _nvenc_options(self) -> dict[str, str]:
        # Said against the preset, which may want them: no B-frames to refer to, no key frames where a scene is cut.
        fixed = {"preset": self.preset, "tune": "hq", "profile": "high", "b_ref_mode": "disabled", "no-scenecut": "1"}
        quality = {} if self.crf is None else {"cq": f"{self.crf:g}"}
        return fixed | {"rc": "vbr"} | quality

    def by(self, codec: str) -> "Encoder":
        """The same by another codec, with that one's preset."""
        return self if codec == self.codec else replace(self, codec=codec, preset=DEFAULT_PRESETS[codec])

    def check(self) -> None:
        """Opens the codec once. Raises RequestError where it does not take this size or rate, or is not here."""
        with self.opening():
            context = av.CodecContext.create(self.codec, "w")
            assert isinstance(context, VideoCodecContext)
            self.configure(context)
            context.open()

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Turns what goes wrong while the codec is opened into a RequestError."""
        try:
            yield
        except (av.FFmpegError, UnknownCodecError) as error:
            size = f"{self.width}x{self.height} at {self.fps} fps"
            if self.codec == NVENC:
                message = f"NVENC does not open for {size} on this machine: give --encoder x264, or a GPU that has it"
                raise RequestError(message, code="no_encoder", field="encoder") from error
            raise RequestError(f"{self.codec} does not encode {size}: choose a smaller size", field="width") from error


def choose(encoder: Encoder, wish: str, *, gpu: bool) -> Encoder:
    """`encoder` by the codec that `wish` comes to: x264, nvenc, or auto, which is nvenc where `gpu` and it opens.

    RequestError for nvenc where it does not open.
    """
    nvenc = encoder.by(NVENC)
    if wish == "nvenc" or (wish == "auto" and gpu):
        try:
            nvenc.check()
            return nvenc
        except RequestError:
            if wish == "nvenc":
                raise
    return encoder.by(X264)


def default_bit_rate(width: int, height: int, fps: Fraction | float) -> int:
    """AKMA's bit rate in bit/s: its table at 576p, 720p and 1080p, straight lines in the logarithms between.

    Outside the table it grows with pixels^0.75 and fps^0.5. It never falls when a side or the rate grows.
    """
    areas = list(TABLE)
    per_rate = [_power_law(width * height, areas, [TABLE[area][i] for area in areas], 0.75) for i in range(4)]
    return max(round(_power_law(float(fps), RATES, per_rate, 0.5) * 1000) * 1000, 16_000)


def _power_law(x: float, knots: Any, values: list[float], outside: float) -> float:
    at = min(max(x, knots[0]), knots[-1])
    inside = math.exp(np.interp(math.log(at), np.log(knots), np.log(values)))
    return float(inside * (x / at) ** outside)
