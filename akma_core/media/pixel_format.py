"""Pixel formats of videos, and their pictures as full-range RGB of 8 bits."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation
from av.video.stream import VideoStream
from numpy.typing import NDArray

UNKNOWN = (0, 2, 3)  # H.273: reserved or unspecified
MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}  # H.273 matrix -> swscale's number for the same coefficients
BT601, BT709 = 6, 1
NAMES = {BT601: "BT.601", BT709: "BT.709"}
IDENTITY = (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
CAPTIONS = "closed captions left out"
HDR = {16: "PQ", 18: "HLG"}  # H.273 transfer functions
# Full chroma resolution and rounding; BITEXACT keeps a processor's SIMD from deciding the last bit.
SCALER = (
    Interpolation.BICUBIC
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
)


Picture = NDArray[np.uint8]  # [h, w, 3]


@dataclass(frozen=True, kw_only=True)
class PixelFormat:
    """Pixel format of a video's pictures."""

    width: int
    height: int
    """Pixels as stored, before any rotation."""
    pixels: str
    """FFmpeg's name of the pixel format."""
    matrix: int
    """H.273 number of the matrix between RGB and the stored planes; guessed where the file does not say."""
    full_range: bool
    primaries: int
    transfer: int
    """H.273 numbers; BT.709 where the file does not say."""
    display: tuple[int, ...] | None
    """Display matrix, 9 numbers in row order, of a picture to be shown rotated or mirrored."""
    aspect: Fraction
    """Width of a pixel as shown, in heights."""


def to_rgb(frame: VideoFrame, look: PixelFormat) -> Picture:
    """A frame as uint8 [look.height, look.width, 3], full range; 8 bits of whatever it has, alpha dropped."""
    stored = ColorRange.JPEG if look.full_range else ColorRange.MPEG
    rgb = frame.reformat(
        width=look.width, height=look.height, format="rgb24", interpolation=SCALER,
        src_colorspace=MATRICES.get(look.matrix, 1), src_color_range=stored, dst_color_range=ColorRange.JPEG, threads=1,
    )  # fmt: skip
    return np.asarray(rgb.to_ndarray(), np.uint8)


def pixel_format_of(frame: VideoFrame, stream: VideoStream) -> PixelFormat:
    """Find a video's pixel format by its first picture; ValueError, whose text says why, if it cannot be read."""
    rgb = frame.format.is_rgb
    matrix = 0 if rgb else _matrix(frame)
    if not rgb and matrix not in MATRICES:
        raise ValueError(f"has colours of a kind (H.273 matrix {matrix}) that AKMA does not read; convert it first")
    aspect = stream.sample_aspect_ratio or Fraction(1)
    return PixelFormat(
        width=frame.width, height=frame.height, pixels=frame.format.name, matrix=matrix,
        full_range=rgb or frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj"),
        primaries=_known(frame.color_primaries), transfer=_known(frame.color_trc),
        display=_display(frame), aspect=aspect if aspect > 0 else Fraction(1),
    )  # fmt: skip


def _matrix(frame: VideoFrame) -> int:
    """As the file says; as players guess where it does not."""
    if frame.colorspace not in UNKNOWN:
        return frame.colorspace
    return BT709 if frame.width >= 1280 or frame.height > 576 else BT601


def _known(tag: int) -> int:
    return BT709 if tag in UNKNOWN else tag


def _display(frame: VideoFrame) -> tuple[int, ...] | None:
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    matrix = tuple(np.frombuffer(data, np.int32).tolist())
    return None if matrix == IDENTITY else matrix


def has_captions(frame: VideoFrame) -> bool:
    """True if closed captions (CEA-608, CEA-708) lie in a frame."""
    return frame.side_data.get("A53_CC") is not None


def notes_of(frame: VideoFrame) -> Iterator[str]:
    """Describe what an 8-bit BT.709 copy will not have, one sentence each."""
    bits = max(component.bits for component in frame.format.components)
    if frame.color_trc in HDR:
        yield f"HDR ({HDR[frame.color_trc]}) kept in 8 bits of {bits}: its tags stay, fine gradients may show steps"
    elif bits > 8:
        yield f"{bits} bits a colour became 8"
    if not frame.format.is_rgb and frame.colorspace in UNKNOWN:
        yield f"the file does not say what its colours are: taken as {NAMES[_matrix(frame)]}, by its size"
    if any(component.is_alpha for component in frame.format.components):
        yield "transparency left out"
    if has_captions(frame):
        yield CAPTIONS
    if frame.interlaced_frame:
        yield "interlaced: its lines were taken as whole pictures; deinterlace it first for a better one"
