"""Songs in the shapes that recorders, taggers and `cat` leave behind, each with what is really in it."""

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ID3V1 = b"TAG" + b"a title".ljust(125, b"\0")
APEV2 = (
    b"APETAGEX" + struct.pack("<IIII8x", 2000, 48, 1, 0xA0000000)
    + struct.pack("<II", 7, 0) + b"Artist\0Someone"[:14].ljust(16, b"\0")
    + b"APETAGEX" + struct.pack("<IIII8x", 2000, 48, 1, 0x80000000)
)  # fmt: skip


def id3v2(size: int, padding: int = 0) -> bytes:
    """A tag of `size` bytes after its head, and zeros behind it that its size does not count."""
    coded = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + coded + bytes(size) + bytes(padding)


def tones(samples: int, channels: int = 2, seed: int = 0) -> Floats:
    """A tone and some noise, never silent: [samples, channels] in -0.5..0.5."""
    t = np.arange(samples)[:, None]
    pitch = 0.02 * (1 + seed % 7) * (1 + np.arange(channels) / 5)
    return 0.35 * np.sin(t * pitch) + np.random.default_rng(seed).uniform(-0.1, 0.1, (samples, channels))


def sound(
    samples: int, container: str, codec: str | None = None, *, rate: int = 44100, channels: int = 2, seed: int = 0
) -> bytes:
    """A file by libsndfile."""
    made = io.BytesIO()
    soundfile.write(made, tones(samples, channels, seed), rate, format=container, subtype=codec)
    return made.getvalue()


def muxed(samples: int, container: str, codec: str, *, rate: int = 44100, channels: int = 2, seed: int = 0) -> bytes:
    """A file by FFmpeg."""
    layout, made = {1: "mono", 2: "stereo", 6: "5.1"}[channels], io.BytesIO()
    with av.open(made, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=rate, layout=layout)
        packed = np.ascontiguousarray(tones(samples, channels, seed).T.astype(np.float32))
        frame = av.AudioFrame.from_ndarray(packed, format="fltp", layout=layout)
        frame.rate, frame.pts = rate, 0
        context = stream.codec_context
        resampler = av.AudioResampler(context.format.name, layout, rate, context.frame_size or 1024)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            out.mux(stream.encode(part))
    return made.getvalue()


def patched(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def hole(data: bytes, share: float, size: int = 40) -> bytes:
    """Zeros in the middle of a frame."""
    return patched(data, int(len(data) * share), bytes(size))


def sized(data: bytes, name: bytes, size: bytes, riff: bytes = b"") -> bytes:
    """Another size in the head of a chunk, and of the whole."""
    data = patched(data, data.index(name) + 4, size)
    return patched(data, 4, riff) if riff else data


def no_info_frame(mp3: bytes) -> bytes:
    """Without the first frame, which tells of the others."""
    return mp3[mp3.index(b"\xff\xfb", 4) :]


def half_as_many_frames(mp3: bytes) -> bytes:
    place = max(mp3.find(b"Xing"), mp3.find(b"Info")) + 8
    frames: int = struct.unpack(">I", mp3[place : place + 4])[0]
    return patched(mp3, place, struct.pack(">I", frames // 2))


@dataclass(frozen=True)
class OddSong:
    """A song and its truth."""

    suffix: str
    data: Callable[[], bytes]
    samples: int
    """Samples that are there, or would be where it was not damaged."""
    more: int = 0
    """Samples of padding that a codec may add."""
    less: int = 0
    note: str | None = None
    """Words of the note that it has; None: it is whole and has none."""
    refused: str | None = None
    """Words of its refusal."""
    curve_note: str | None = None
    """Words of the note that its curve has."""

    def write(self, folder: Path, name: str) -> Path:
        path = folder / f"{name}{self.suffix}"
        path.write_bytes(self.data())
        return path


MP3: dict[str, Any] = {"more": 2 * 2600, "less": 0}


def mp3(samples: int, seed: int = 0, channels: int = 2, rate: int = 44100) -> bytes:
    return sound(samples, "MP3", channels=channels, rate=rate, seed=seed)


def wav(samples: int, codec: str = "PCM_16", channels: int = 2, container: str = "WAV") -> bytes:
    return sound(samples, container, codec, channels=channels)


def flac(samples: int, codec: str = "PCM_16", channels: int = 2, seed: int = 0) -> bytes:
    return sound(samples, "FLAC", codec, channels=channels, seed=seed)


def ogg(samples: int, codec: str = "VORBIS", channels: int = 2, seed: int = 0, rate: int = 48000) -> bytes:
    return sound(samples, "OGG", codec, rate=rate, channels=channels, seed=seed)


ODD_SONGS: dict[str, OddSong] = {
    # headers that tell nothing, or less
    "mp3 without an info frame": OddSong(".mp3", lambda: no_info_frame(mp3(60_000)), 60_000, **MP3),
    "mono mp3 without an info frame": OddSong(".mp3", lambda: no_info_frame(mp3(60_000, channels=1)), 60_000, **MP3),
    "mp3 whose header counts half": OddSong(".mp3", lambda: half_as_many_frames(mp3(90_000)), 90_000, **MP3),
    "three mp3s": OddSong(".mp3", lambda: mp3(40_000) + mp3(50_000, 1) + mp3(30_000, 2), 120_000, more=8000),
    "mp3s with tags between": OddSong(
        ".mp3", lambda: id3v2(500) + mp3(40_000) + ID3V1 + id3v2(900) + mp3(50_000, 1) + ID3V1, 90_000, more=6000
    ),
    "mp3s of two rates": OddSong(
        ".mp3", lambda: mp3(44_100) + mp3(48_000, rate=48000), 88_200, more=6000, note="48000 Hz"
    ),
    "mp3s of stereo and mono": OddSong(
        ".mp3", lambda: mp3(50_000) + mp3(50_000, channels=1), 100_000, more=6000, note="1 channel"
    ),
    "wav of 24 bits, size 0": OddSong(
        ".wav", lambda: sized(wav(30_001, "PCM_24"), b"data", bytes(4), bytes(4)), 30_001
    ),
    "wav of floats, size 0": OddSong(".wav", lambda: sized(wav(30_001, "FLOAT", 1), b"data", bytes(4)), 30_001),
    "wav of 6 channels, size 0": OddSong(".wav", lambda: sized(wav(30_001, channels=6), b"data", bytes(4)), 30_001),
    "piped wav": OddSong(".wav", lambda: sized(wav(30_001), b"data", b"\xff" * 4, b"\xff" * 4), 30_001),
    "wav by sox through a pipe": OddSong(
        ".wav", lambda: sized(wav(30_001), b"data", struct.pack("<I", 0x7FFFF000), b"\xff" * 4), 30_001
    ),
    "rf64 without sizes": OddSong(
        ".wav", lambda: sized(wav(30_001, container="RF64"), b"ds64", struct.pack("<IQQQ", 28, 0, 0, 0)), 30_001
    ),
    "aiff, size 0": OddSong(
        ".aiff", lambda: sized(wav(30_001, container="AIFF"), b"SSND", struct.pack(">I", 8)), 30_001
    ),
    "caf of unknown size": OddSong(".caf", lambda: sized(wav(30_001, container="CAF"), b"data", b"\xff" * 8), 30_001),
    "au of unknown size": OddSong(".au", lambda: patched(sound(30_001, "AU", "PCM_16"), 8, b"\xff" * 4), 30_001),
    "flac of unknown length": OddSong(
        ".flac", lambda: patched(flac(30_001), 21, bytes([flac(30_001)[21] & 0xF0]) + bytes(4)), 30_001
    ),
    # one behind the other
    "two opus links": OddSong(".opus", lambda: ogg(48_000, "OPUS") + ogg(30_000, "OPUS", seed=1), 78_000, more=2000),
    "three vorbis links": OddSong(
        ".ogg", lambda: ogg(40_000) + ogg(30_000, seed=1) + ogg(20_000, seed=2), 90_000, more=900, less=900
    ),
    "mono vorbis links": OddSong(
        ".ogg", lambda: ogg(40_000, channels=1) + ogg(30_000, channels=1, seed=1), 70_000, more=900, less=900
    ),
    "vorbis links of two rates": OddSong(
        ".ogg", lambda: ogg(40_000) + ogg(30_000, rate=44100), 72_653, more=900, less=900, note="44100 Hz",
        refused="midway",
    ),
    "mono ogg flac links": OddSong(
        ".oga",
        lambda: muxed(40_000, "ogg", "flac", channels=1) + muxed(30_000, "ogg", "flac", channels=1, seed=1),
        70_000,
    ),
    "two flacs": OddSong(".flac", lambda: flac(40_000) + flac(30_000, seed=1), 70_000),
    "two aacs": OddSong(
        ".aac", lambda: muxed(40_000, "adts", "aac") + muxed(30_000, "adts", "aac", seed=1), 70_000, more=6000
    ),
    "two ac3s": OddSong(
        ".ac3", lambda: muxed(48_000, "ac3", "ac3", rate=48000) + muxed(48_000, "ac3", "ac3", rate=48000, seed=1),
        96_000, more=6000,
    ),
    "two mp2s": OddSong(
        ".mp2", lambda: muxed(40_000, "mp2", "mp2") + muxed(30_000, "mp2", "mp2", seed=1), 70_000, more=6000
    ),
    # junk around
    "mp3 with ID3v1": OddSong(".mp3", lambda: mp3(60_000) + ID3V1, 60_000, **MP3),
    "mp3 with APEv2": OddSong(".mp3", lambda: mp3(60_000) + APEV2 + ID3V1, 60_000, **MP3),
    "mp3 with zeros behind": OddSong(".mp3", lambda: mp3(60_000) + bytes(10_000), 60_000, **MP3),
    "mp3 with padding in front": OddSong(".mp3", lambda: id3v2(300, 4000) + mp3(60_000), 60_000, **MP3),
    "flac with APEv2": OddSong(".flac", lambda: flac(40_001) + APEV2, 40_001),
    "mono flac of 24 bits with ID3v1": OddSong(".flac", lambda: flac(40_001, "PCM_24", 1) + ID3V1, 40_001),
    "flac with zeros behind": OddSong(".flac", lambda: flac(40_001) + bytes(5000), 40_001),
    "flac with two tags in front": OddSong(".flac", lambda: id3v2(100) + id3v2(50, 700) + flac(40_001), 40_001),
    "wav with ID3v1": OddSong(".wav", lambda: wav(30_001) + ID3V1, 30_001),
    "vorbis with ID3v1": OddSong(".ogg", lambda: ogg(40_000) + ID3V1, 40_000, more=100),
    "tta with ID3v1": OddSong(".tta", lambda: muxed(40_001, "tta", "tta") + ID3V1, 40_001),
    "wavpack with APEv2": OddSong(".wv", lambda: muxed(40_001, "wv", "wavpack") + APEV2, 40_001),
    "m4a with zeros behind": OddSong(".m4a", lambda: muxed(40_001, "ipod", "aac") + bytes(3000), 40_001, more=1024),
    # a packet that nobody can decode
    "flac with a hole near the start": OddSong(".flac", lambda: hole(flac(100_000), 0.1), 100_000, note="damaged"),
    "flac with a hole near the end": OddSong(".flac", lambda: hole(flac(100_000), 0.9), 100_000, note="damaged"),
    "mono flac with a hole": OddSong(".flac", lambda: hole(flac(100_000, channels=1), 0.5), 100_000, note="damaged"),
    "mka of flac with a hole": OddSong(
        ".mka", lambda: hole(muxed(100_000, "matroska", "flac"), 0.5), 100_000, more=50, less=50, note="damaged"
    ),
    "m4a of aac with a hole": OddSong(
        ".m4a", lambda: hole(muxed(100_000, "ipod", "aac"), 0.5, 200), 100_000, more=1024, note="damaged"
    ),
    "wavpack with a hole": OddSong(".wv", lambda: hole(muxed(100_000, "wv", "wavpack"), 0.5), 100_000, note="damaged"),
    "vorbis with a hole": OddSong(".ogg", lambda: hole(ogg(200_000), 0.5), 200_000, less=60_000, note="missing"),
    # cut
    "half a wav": OddSong(".wav", lambda: wav(30_000)[: 44 + 60_000], 15_000, note="cut"),
    "half a vorbis": OddSong(".ogg", lambda: ogg(200_000)[:12_000], 200_000, less=190_000, note="cut"),
    "half an mp3": OddSong(".mp3", lambda: mp3(100_000)[:12_000], 100_000, less=90_000, note="cut"),
    "half a flac": OddSong(".flac", lambda: flac(100_000)[:100_000], 100_000, refused="damaged or was cut"),
    # channels that cancel each other
    "opposite phase, 24 bits": OddSong(".wav", lambda: opposite("WAV", "PCM_24"), 30_000, curve_note="cancel"),
    "opposite phase, vorbis": OddSong(
        ".ogg", lambda: opposite("OGG", "VORBIS"), 30_000, more=100, curve_note="cancel"
    ),
    "opposite phase, 4 channels": OddSong(".flac", lambda: opposite("FLAC", None, 4), 30_000, curve_note="cancel"),
}  # fmt: skip


def opposite(container: str, codec: str | None, channels: int = 2) -> bytes:
    one, made = tones(30_000, 1), io.BytesIO()
    soundfile.write(made, one * np.where(np.arange(channels) % 2, -1, 1), 44100, format=container, subtype=codec)
    return made.getvalue()
