"""Videos as other programs make them, written with PyAV, and readers of what came of them."""

import hashlib
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from av.video.stream import VideoStream
from numpy.typing import NDArray
from torch import Tensor

Pixels = NDArray[np.uint8]
SWSCALE = {1: 1, 6: 5, 9: 9}  # H.273 matrix -> swscale's number
ROTATED = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)  # as phones write it when held upright


class Doubled:
    """Every pixel twice in both directions: as an upscaler, but fast. Counts what it was asked for."""

    scale, name, digest = 2, "doubled", "d" * 64
    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self) -> None:
        self.pictures = 0

    def __call__(self, rgb: Tensor) -> Tensor:
        self.pictures += len(rgb)
        return rgb.repeat_interleave(2, 1).repeat_interleave(2, 2)


def scene(frames: int, width: int = 48, height: int = 32) -> Pixels:
    """A smooth pattern that slides and a bar that counts: uint8 [frames, height, width, 3], no two the same."""
    y, x = np.mgrid[:height, :width]
    out = np.empty((frames, height, width, 3), np.uint8)
    for k in range(frames):
        waves = [np.sin((x + 2 * k) / 7), np.sin((y - k) / 5), np.sin((x + y + 3 * k) / 9)]
        out[k] = np.stack([128 + 90 * wave for wave in waves], axis=2)
        out[k, -4:, : 1 + k * width // max(frames, 1)] = 255
    return out


def make_clip(
    path: Path,
    *,
    frames: int = 24,
    size: tuple[int, int] = (48, 32),
    fps: Fraction | int = 24,
    pictures: Iterable[Pixels] | None = None,
    times: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    sound: str | None = None,
    layout: str = "stereo",
    late: Fraction | int = 0,
    display: tuple[int, ...] | None = None,
    tags: dict[str, int] | None = None,
    metadata: dict[str, str] | None = None,
    subtitle: str | None = None,
) -> Path:
    """A clip of `pictures`, or of `scene`. `times` count in `time_base`; the sound is `late` seconds behind."""
    unit = time_base or 1 / Fraction(fps)
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream(codec, rate=Fraction(fps), options=options or {})
        video.width, video.height, video.pix_fmt = *size, pixels
        video.codec_context.time_base = unit
        said = tags or {}
        for name, value in said.items():
            setattr(video.codec_context, name, value)
        if display:
            video.set_display_matrix(display)
        container.metadata.update(metadata or {})
        audio: Any = None
        if sound:
            audio = container.add_stream(sound, rate=48000, layout=layout)
            audio.bit_rate = 128_000
        words: Any = None
        if subtitle:
            words = container.add_mux_stream(subtitle)
            words.time_base = Fraction(1, 1000)
        places = list(times) if times is not None else list(range(frames))
        waiting = []
        shown = scene(len(places), *size) if pictures is None else pictures
        for place, picture in zip(places, shown, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format=pixels,
                dst_colorspace=SWSCALE[said.get("colorspace", 6)],
                dst_color_range=said.get("color_range", 1),
            )
            frame.pts, frame.time_base = place, unit
            waiting += video.encode(frame)
        waiting += video.encode(None)
        if audio is not None:
            waiting += audio_packets(audio, round((places[-1] + 1) * unit * 48000), round(late * 48000))
        if words is not None:
            container.start_encoding()
            for k, text in enumerate((b"one", b"two")):
                packet = av.Packet(text)
                packet.stream, packet.time_base = words, Fraction(1, 1000)
                packet.pts = packet.dts = 200 + 400 * k
                packet.duration = 300
                waiting.append(packet)
        for packet in sorted(waiting, key=lambda packet: (packet.dts or 0) * packet.time_base):
            container.mux(packet)
    return path


def audio_packets(stream: Any, samples: int, late: int) -> list[Any]:
    """A tone that gets louder, encoded."""
    channels = stream.codec_context.layout.nb_channels
    t = np.arange(samples) / 48000
    tone = 0.8 * t / t[-1] * np.sin(2 * np.pi * 441 * t)
    resampler = av.AudioResampler(format=stream.codec_context.format, layout=stream.codec_context.layout, rate=48000)
    frames: list[av.AudioFrame | None] = []
    for start in range(0, samples, 1024):
        packed = np.repeat(tone[start : start + 1024, None], channels, axis=1).astype(np.float32).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=stream.codec_context.layout.name)
        frame.sample_rate, frame.time_base, frame.pts = 48000, Fraction(1, 48000), late + start
        frames.append(frame)
    even = [even for frame in [*frames, None] for even in resampler.resample(frame)]
    return [packet for frame in [*even, None] for packet in stream.encode(frame)]


def packets(path: Path, kind: str) -> list[list[tuple[Fraction, str]]]:
    """Of each track of a kind: time in seconds and digest of every packet."""
    with av.open(str(path)) as container:
        found: dict[int, list[tuple[Fraction, str]]] = {s.index: [] for s in container.streams if s.type == kind}
        for packet in container.demux(*(container.streams[index] for index in found)) if found else ():
            if packet.size and packet.pts is not None:
                time = packet.pts * packet.time_base
                found[packet.stream.index].append((time, hashlib.sha256(bytes(packet)).hexdigest()))
    return list(found.values())


def frames_of(path: Path) -> tuple[Pixels, list[Fraction]]:
    """Luma of every frame, and its time in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert isinstance(stream, VideoStream)
        found = list(container.decode(stream))
        times = [(frame.pts or 0) * Fraction(frame.time_base or 0) for frame in found]
        return np.stack([frame.to_ndarray(format="yuv420p")[: frame.height] for frame in found]).astype(np.uint8), times


def samples_of(path: Path) -> tuple[Fraction, NDArray[np.float32]]:
    """Time of the first sample in seconds, and all of the first channel."""
    with av.open(str(path)) as container:
        found = list(container.decode(audio=0))
        first = (found[0].pts or 0) * Fraction(found[0].time_base or 0)
        planar = av.AudioResampler(format="fltp")
        blocks = [even.to_ndarray()[0] for frame in found for even in planar.resample(frame)]
    return first, np.concatenate(blocks).astype(np.float32)
