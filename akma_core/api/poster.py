"""The poster of a render: one frame of what is finished of it."""

import io

import av
from PIL import Image

SIDE = 480  # pixels of the longest side
QUALITY = 85


def poster_of(segment: bytes) -> bytes:
    """A JPEG of a segment's first frame, which is a key frame."""
    with av.open(io.BytesIO(segment), "r") as container:
        picture = Image.fromarray(next(container.decode(video=0)).to_ndarray(format="rgb24"))
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    packed = io.BytesIO()
    picture.save(packed, format="JPEG", quality=QUALITY)
    return packed.getvalue()
