"""A finished video made larger: the plan of it, its chunks, and the way of the pictures through the network.

As a render, it is a pure function of (plan, clip, network), done in chunks that survive a kill. Nothing here grows with
the clip but the list of its times.
"""

import hashlib
import json
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, Protocol, TypeVar

import av
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from torch import Tensor

from akma_core import __version__
from akma_core.errors import FailureError
from akma_core.files import sha256_of
from akma_core.media.encoder import Encoder, choose
from akma_core.media.encoder_pool import EncoderPool
from akma_core.media.pixel_format import CAPTIONS
from akma_core.media.resize import resize
from akma_core.media.video_reader import FrameReader, VideoFile
from akma_core.media.yuv import rgb_to_yuv420
from akma_core.render.chunk_folder import ChunkFolder
from akma_core.render.plan_base import Count, DevicePart, Digest, EncoderPart, libraries
from akma_core.settings import FrameRate
from akma_core.timeline import Chunk
from akma_core.upscale.remux import Fit, fit, join, recoded

CHUNK_SECONDS = 1  # less than a render's: an upscaled frame costs many times a generated one
MAX_CHUNK = 120  # frames
LIBRARIES = ("torch", "numpy", "av")
AHEAD = 2  # batches that are decoded while the network works
BATCH_PIXELS = 1 << 20  # of a GPU's batch, as they come in
MAX_BATCH = 8
Item = TypeVar("Item")
Aspect = Annotated[Fraction, PlainSerializer(str, return_type=str)]


class Network(Protocol):
    """A network as upscaling needs it: networks.realesrgan.upscaler.Upscaler."""

    scale: int
    name: str
    digest: str
    device: torch.device
    dtype: torch.dtype

    def __call__(self, rgb: Tensor) -> Tensor:
        """uint8 [n, h, w, 3] -> uint8 [n, scale * h, scale * w, 3] on the device of `rgb`."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SourcePart(_Part):
    """The video that is upscaled."""

    sha256: Digest
    format: str
    width: Count
    height: Count
    pixels: str


class NetworkPart(_Part):
    """The network."""

    name: str
    digest: Digest
    scale: Count


class UpscalePlan(_Part):
    """All that was decided about one clip; saved beside the result as its manifest."""

    format: Literal["akma-upscale"] = "akma-upscale"
    version: Literal[1] = 1
    akma: str
    source: SourcePart
    network: NetworkPart
    width: Count
    height: Count
    """Height of the result, in pixels, before any rotation."""
    frames: Count
    fps: FrameRate
    """For the encoder; every frame keeps its own time."""
    primaries: int
    transfer: int
    aspect: Aspect
    suffix: Annotated[str, Field(pattern=r"^\.(mp4|mkv|mov)$")]
    copied: tuple[int, ...]
    """Tracks of sound and subtitles that are the clip's own, by their index in it."""
    encoded: tuple[int, ...]
    """Tracks of sound encoded anew: that container does not hold them as they are, or an edit cuts into them."""
    chunk: Count
    """Frames a chunk; the last may have less."""
    device: DevicePart
    encoder: EncoderPart
    libraries: dict[str, str]
    notes: tuple[str, ...] = ()
    """Notes on what is otherwise in the result, for people."""

    @property
    def digest(self) -> str:
        """SHA-256 over all that decides the video; not over names and notes."""
        decisive = self.model_dump(mode="json", exclude={"notes": True, "network": {"name"}})
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    def chunks(self) -> Iterator[Chunk]:
        """The chunks in order."""
        for index, start in enumerate(range(0, self.frames, self.chunk)):
            yield Chunk(index, start, min(self.chunk, self.frames - start))

    def make_encoder(self) -> Encoder:
        """The encoder of every segment. RequestError where it does not take the size."""
        return Encoder(
            width=self.width,
            height=self.height,
            fps=self.fps,
            primaries=self.primaries,
            transfer=self.transfer,
            aspect=self.aspect,
            **self.encoder.model_dump(),
        )


def make_plan(
    clip: VideoFile, network: Network, outscale: float | None, crf: float, encoder: str = "auto"
) -> UpscalePlan:
    """Decide everything; reads the clip through for its digest. `outscale`: 1 to 4, None: the network's scale.

    `encoder` as in RenderSettings. RequestError where it does not take the size or is not here.
    """
    look, factor = clip.look, outscale or network.scale
    width, height = (max(1, round(side * factor / 2)) * 2 for side in (look.width, look.height))
    cpu = network.device.type == "cpu"
    batch = 1 if cpu else max(1, min(MAX_BATCH, BATCH_PIXELS // (look.width * look.height)))
    chunk = max(1, min(MAX_CHUNK, round(CHUNK_SECONDS * clip.fps)))
    known, places = libraries(), fit(clip)
    plan = UpscalePlan(
        akma=__version__,
        source=SourcePart(
            sha256=sha256_of(clip.path),
            format=clip.format,
            width=look.width,
            height=look.height,
            pixels=look.pixels,
        ),
        network=NetworkPart(name=network.name, digest=network.digest, scale=network.scale),
        width=width,
        height=height,
        frames=clip.frames,
        fps=clip.fps,
        primaries=look.primaries,
        transfer=look.transfer,
        aspect=look.aspect,
        suffix=places.suffix,
        copied=places.copied,
        encoded=places.encoded,
        chunk=chunk,
        device=DevicePart(
            kind="cpu" if cpu else "cuda",
            dtype="float16" if network.dtype == torch.float16 else "float32",
            batch=batch,
        ),
        encoder=EncoderPart(crf=crf, gop=chunk),
        libraries={name: known[name] for name in LIBRARIES},
        notes=(*clip.notes, *places.notes),
    )
    chosen = choose(plan.make_encoder(), encoder, gpu=not cpu)
    chosen.check()
    return plan.model_copy(update={"encoder": plan.encoder.like(chosen)})


class UpscaleOutput(ChunkFolder):
    """One clip's chunks on a disk."""

    def __init__(self, video: Path, plan: UpscalePlan, clip: VideoFile) -> None:
        super().__init__(video, plan)
        self.plan: UpscalePlan = plan
        self.clip = clip

    def upscale(self, network: Network, on_frames: Callable[[int], None] = lambda _: None) -> tuple[str, ...]:
        """Make the missing chunks; returns what went otherwise. Hold the folder (`owned`) meanwhile.

        An exception, here or in `on_frames` (to cancel), leaves finished chunks and none half written.
        """
        plan, pictures = self.plan, FrameReader(self.clip)
        size = plan.height, plan.width
        batches = _batches(self.missing(), pictures, plan.device.batch)
        gpu, step = plan.device.kind == "cuda", plan.device.batch
        pool = EncoderPool(plan.make_encoder(), self.path, on_frames, gpu=gpu, step=step)
        with pool as encoding, closing(_ahead(batches)) as source:
            for chunk, rgb in source:
                large = resize(network(torch.from_numpy(rgb).to(network.device)), *size)
                encoding.put(chunk, rgb_to_yuv420(large).cpu().numpy())
        notes = []
        if pictures.repeated:
            notes.append(
                f"{pictures.repeated} damaged pictures could not be decoded: the one before each stands in for it"
            )
        if pictures.patched:
            notes.append(f"{pictures.patched} damaged pictures were completed by the decoder, as well as it could")
        if pictures.captions and CAPTIONS not in plan.notes:
            notes.append(CAPTIONS)
        return tuple(notes)

    def finish(self, notes: Iterable[str] = ()) -> Path:
        """Join the chunks with the clip's other tracks, put manifest and video in place; returns the manifest."""
        plan = self.plan
        places = Fit(plan.suffix, plan.copied, plan.encoded, ())
        segments, encoder = [self.path(chunk) for chunk in plan.chunks()], plan.make_encoder()
        try:
            found = join(self.clip, segments, encoder, places, self.whole)
        except FailureError as error:
            # What a few packets of the trial did not show: one far behind them that the container refuses.
            if not isinstance(error.__cause__, av.InvalidDataError) or not plan.copied:
                raise
            places = recoded(self.clip, places)
            found = [*places.notes, *join(self.clip, segments, encoder, places, self.whole)]
        return self.publish(self.whole, (*notes, *found))


def _batches(chunks: Iterable[Chunk], pictures: FrameReader, batch: int) -> Iterator[tuple[Chunk, NDArray[np.uint8]]]:
    """The pictures of the chunks, uint8 [n <= batch, h, w, 3]; a chunk's batches are the same in every run."""
    for chunk in chunks:
        stop = chunk.start + chunk.frames
        for start in range(chunk.start, stop, batch):
            yield chunk, pictures.read(start, min(start + batch, stop))


def _ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """The same items, a few of them made in advance by a thread."""
    waiting: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(AHEAD)
    stopped = threading.Event()

    def offer(item: Item | None, error: BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return waiting.put((item, error), timeout=0.2)
            except queue.Full:
                continue
        return None

    def work() -> None:
        try:
            for item in items:
                offer(item, None)
                if stopped.is_set():
                    return
            offer(None, None)
        except BaseException as error:
            offer(None, error)

    thread = threading.Thread(target=work, name="decoder", daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        stopped.set()
        thread.join()
