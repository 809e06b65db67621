"""Segments: planes of a chunk's frames in one mp4 file, which `akma_core.media.mux` joins with the others.

A segment is an mp4 file of whole closed groups of pictures without B-frames, its timestamps from 0. The same
frames and the same `Encoder` give the same bytes; segments of one `Encoder` have the same headers and join.
"""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from akma_core.files import sync, temporary
from akma_core.media.container import discard, writing
from akma_core.media.encoder import Encoder


class SegmentWriter:
    """Encodes frames into `path`: after the `with` block it is there whole, after an exception not at all.

    While it writes, the file has a name of its own that ends in ".tmp", so two writers of one segment do not
    meet; a killed process leaves that behind. Raises RequestError where the codec refuses the size or is not
    here, FailureError where the file cannot be written.
    """

    def __init__(self, path: Path, encoder: Encoder) -> None:
        self.path = path
        self.encoder = encoder
        self.frames = 0
        self._part = temporary(path)

    def __enter__(self) -> Self:
        self._container = av.open(str(self._part), "w", format="mp4", options={"fflags": "+bitexact"})
        try:
            with self.encoder.opening():
                stream = self._container.add_stream(self.encoder.codec, rate=self.encoder.fps)
                assert isinstance(stream, VideoStream)
                self._stream = stream
                self.encoder.configure(stream.codec_context)
                stream.codec_context.open()
            with writing(self._part):
                self._container.start_encoding()
        except BaseException:
            discard(self._container, self._part)
            raise
        return self

    def write(self, planes: NDArray[np.uint8]) -> None:
        """Appends frames: uint8 [n, h * 3 // 2, w], as `akma_core.media.yuv.rgb_to_yuv420` gives them."""
        expected = (self.encoder.height * 3 // 2, self.encoder.width)
        if planes.dtype != np.uint8 or planes.ndim != 3 or planes.shape[1:] != expected:
            raise ValueError(f"expected uint8 [n, {expected}], got {planes.dtype} {planes.shape}")
        for picture in planes:
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = self.frames, 1 / self.encoder.fps
            with writing(self._part):
                self._container.mux(self._stream.encode(frame))
            self.frames += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                if self.frames == 0:
                    raise ValueError("a segment needs at least one frame")
                with writing(self._part):
                    self._container.mux(self._stream.encode(None))
                    self._container.close()
                    sync(self._part)
                    self._part.replace(self.path)
        finally:
            discard(self._container, self._part)


@dataclass(frozen=True)
class SegmentInfo:
    """Facts of a finished segment."""

    frames: int
    extradata: bytes
    """The H.264 headers (avcC); equal in segments that join."""


def segment_info(path: Path) -> SegmentInfo | None:
    """Reads a segment through. None where the file is missing or not whole."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            packets = [packet.is_corrupt for packet in container.demux(stream) if packet.size]
            if not packets or any(packets) or len(packets) != stream.frames:
                return None
            return SegmentInfo(len(packets), stream.codec_context.extradata or b"")
    except (av.FFmpegError, OSError, IndexError):
        return None
