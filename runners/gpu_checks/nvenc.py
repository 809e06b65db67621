"""NVENC: opens, its segments join and decode, its colours are x264's, several sessions at once."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray

from akma_core.errors import RequestError
from akma_core.media.encoder import NVENC, X264, Encoder
from akma_core.media.segment import SegmentWriter, segment_info
from akma_core.media.yuv import rgb_to_yuv420

from .bench import Bench
from .figure import Figure, Figures, psnr

SIDE, FRAMES, SEGMENTS, SESSIONS = 256, 12, 3, 4  # NVENC opens from about 160 pixels on
COLOUR = 1.0  # 8-bit steps between the means of two codecs' planes
LIMIT = 32.0  # dB between two codecs' pictures at crf 16: each loses other details


def there() -> bool:
    """True where NVENC opens."""
    try:
        encoder(NVENC).check()
    except RequestError:
        return False
    return True


def check(bench: Bench) -> Figures:
    """All of it; where there is no NVENC its place is taken by x264 on a CPU, and nothing is done on a card."""
    found = there()
    yield Figure("NVENC opens (0: this device has none, x264 encodes)", float(found))
    if found or bench.small:
        yield from compared(bench, NVENC if found else X264)


def encoder(codec: str) -> Encoder:
    """As a render's, of that codec."""
    return Encoder(width=SIDE, height=SIDE, fps=Fraction(24), crf=16.0, gop=FRAMES).by(codec)


def compared(bench: Bench, codec: str) -> Figures:
    """Segments of `codec` against x264's."""
    planes = moving(FRAMES, SIDE)
    ours = [bench.folder / f"{codec}{k}.mp4" for k in range(SEGMENTS)]
    for path in ours:
        write(path, encoder(codec), planes)
    headers = {info.extradata for path in ours if (info := segment_info(path))}
    yield Figure("kinds of headers in segments that are to join", len(headers), at_most=1, at_least=1)
    joined = list(itertools.chain.from_iterable(decoded(path) for path in ours))
    yield Figure("frames that do not decode", SEGMENTS * FRAMES - len(joined), at_most=0)
    other = bench.folder / "x264.mp4"
    write(other, encoder(X264), planes)
    a, b = np.stack(joined[:FRAMES]), np.stack(decoded(other))
    for name, part in (("Y", slice(0, SIDE)), ("U", slice(SIDE, SIDE * 5 // 4)), ("V", slice(SIDE * 5 // 4, None))):
        apart = abs(float(a[:, part].mean()) - float(b[:, part].mean()))
        yield Figure(f"mean of {name} from x264's", apart, "of 255", at_most=COLOUR)
    yield Figure("pictures against x264's", psnr(torch.from_numpy(a), torch.from_numpy(b)), "dB", at_least=LIMIT)
    paths = [bench.folder / f"session{k}.mp4" for k in range(SESSIONS)]
    with ThreadPoolExecutor(SESSIONS) as pool:
        list(pool.map(lambda path: write(path, encoder(codec), planes), paths))
    alike = sum(np.array_equal(np.stack(decoded(path)), a) for path in paths)
    yield Figure(f"of {SESSIONS} sessions at once, those with the same pictures", alike, at_least=SESSIONS)


def moving(frames: int, side: int) -> NDArray[np.uint8]:
    """Planes [frames, side * 3 / 2, side] of colours that move, smooth with some grain."""
    y, x = torch.meshgrid(torch.linspace(0, 6, side), torch.linspace(0, 6, side), indexing="ij")
    made = torch.Generator().manual_seed(0)
    grain = torch.rand(side, side, 3, generator=made) * 6
    rgb = [
        torch.stack([torch.sin(x + k / 9), torch.sin(y - k / 11), torch.sin(x + y + k / 7)], -1) * 100 + 124 + grain
        for k in range(frames)
    ]
    planes: NDArray[np.uint8] = rgb_to_yuv420(torch.stack(rgb).to(torch.uint8)).numpy()
    return planes


def write(path: Path, made_by: Encoder, planes: NDArray[np.uint8]) -> None:
    """One segment."""
    with SegmentWriter(path, made_by) as segment:
        segment.write(planes)


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    """Its planes."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="yuv420p").astype(np.uint8) for frame in container.decode(video=0)]
