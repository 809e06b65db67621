"""The poster of a render: one frame of what is finished of it."""

import io

import av
from PIL import Image

from akma_core.media.still import jpeg

SIDE = 480  # pixels of the longest side


def poster_of(segment: bytes) -> bytes:
    """A JPEG of a segment's first frame, which is a key frame."""
    with av.open(io.BytesIO(segment), "r") as container:
        picture = Image.fromarray(next(container.decode(video=0)).to_ndarray(format="rgb24"))
    return jpeg(picture, SIDE)
