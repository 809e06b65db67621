"""Chunks of a plan to segments: w -> pictures -> planes -> H.264, the encoder in a thread beside the network.

Nothing here grows with the song: w is computed a batch at a time, and a short queue holds what waits for the encoder.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akma_core.files import write_whole
from akma_core.media.encoder_thread import EncoderThread
from akma_core.media.flash.track import pack
from akma_core.media.yuv import rgb_to_yuv420
from akma_core.render.flashes import hold_of, track_path
from akma_core.render.interfaces import FrameSource, YuvSource
from akma_core.render.plan import RenderPlan
from akma_core.render.trajectory import Inputs, Trajectory
from akma_core.timeline import Chunk


def render_chunks(
    plan: RenderPlan,
    chunks: Iterable[Chunk],
    trajectory: Trajectory,
    pictures: FrameSource,
    path: Callable[[Chunk], Path],
    on_frames: Callable[[int], None] = lambda _: None,
    *,
    acquire: Callable[[], AbstractContextManager[object]] = nullcontext,
    between: Callable[[], None] = lambda: None,
) -> None:
    """Render `chunks` in order, each into the segment `path(chunk)`; `on_frames` hears of each batch encoded.

    The network of a chunk runs within `acquire()`, what is left to encode comes after; `between` is called before each
    batch. A segment is there whole or not at all: an exception, here or in one of these (to cancel), leaves the
    finished ones and none half written. Raises what the network or the encoder raised. Where the plan counts flashes,
    each segment's track lies beside it, and is there first.
    """
    if pictures.batch != plan.device.batch:
        raise ValueError(f"a runner of batch {pictures.batch} cannot match a plan of batch {plan.device.batch}")
    with EncoderThread(plan.make_encoder(), path, on_frames) as encoding:
        for chunk in chunks:
            hold = hold_of(plan, chunk)
            with acquire():
                for planes in _planes(plan, chunk, trajectory, pictures, between):
                    shown = hold(planes) if hold else planes
                    if hold and hold.done:
                        write_whole(track_path(path(chunk)), partial(_write, data=pack(hold.small)))
                    encoding.put(chunk, shown)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _planes(
    plan: RenderPlan, chunk: Chunk, trajectory: Trajectory, pictures: FrameSource, between: Callable[[], None]
) -> Iterator[NDArray[np.uint8]]:
    """I420 planes of a chunk, a batch at a time, uint8 [n, H * 3 / 2, W]."""

    def batches() -> Iterator[Inputs]:
        stop = chunk.start + chunk.frames
        for start in range(chunk.start, stop, pictures.step):
            between()
            yield trajectory(start, min(start + pictures.step, stop))

    if isinstance(pictures, YuvSource):
        yield from pictures.planes(batches())
        return
    for inputs in batches():
        rgb = pictures.pictures(inputs)[:, : plan.height, : plan.width]
        yield rgb_to_yuv420(rgb).cpu().numpy()
