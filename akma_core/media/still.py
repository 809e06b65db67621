"""Single pictures as bytes of a PNG or JPEG file."""

import io

from PIL import Image

QUALITY = 85  # of JPEGs: no fault is seen, at a tenth of a PNG's size


def png(picture: Image.Image) -> bytes:
    """A PNG, without loss."""
    return _packed(picture, format="PNG")


def jpeg(picture: Image.Image, side: int) -> bytes:
    """A JPEG of at most `side` pixels each way, its shape kept."""
    small = picture.copy()
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _packed(small, format="JPEG", quality=QUALITY)


def _packed(picture: Image.Image, **options: str | int) -> bytes:
    packed = io.BytesIO()
    picture.save(packed, **options)  # type: ignore[arg-type]
    return packed.getvalue()
