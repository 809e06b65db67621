from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from akma_core.media.pixel_format import PixelFormat, to_rgb
from akma_core.media.video_reader import FrameReader, open_video
from akma_core.media.yuv import rgb_to_yuv420
from tests.support.clips import make_clip

# H.273 matrix: KR, KB
WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}


def look(matrix: int, full: bool, size: int = 32) -> PixelFormat:
    return PixelFormat(
        width=size, height=size, pixels="", matrix=matrix, full_range=full, primaries=1, transfer=1, display=None,
        aspect=Fraction(1),
    )  # fmt: skip


def yuv444(rgb: np.ndarray, matrix: int, full: bool) -> np.ndarray:
    """ITU-R's equations, rounded: [h, w, 3] -> [3, h, w]."""
    kr, kb = WEIGHTS[matrix]
    r, g, b = np.moveaxis(rgb / 255, 2, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    luma, chroma, black = (255, 255, 0) if full else (219, 224, 16)
    planes: np.ndarray = (
        np.rint(np.stack([y * luma + black, cb * chroma + 128, cr * chroma + 128])).clip(0).astype(np.uint8)
    )
    return planes


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_every_matrix_and_range(matrix: int, full: bool) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    planes = yuv444(rgb, matrix, full)
    frame = av.VideoFrame.from_ndarray(planes, format="yuv444p")
    got = to_rgb(frame, look(matrix, full))
    assert np.abs(got.astype(int) - rgb).max() <= 3  # 8-bit chroma cannot say it better
    assert np.abs(got.astype(int) - rgb).mean() < 0.7
    wrong = to_rgb(frame, look(matrix, not full))
    assert np.abs(wrong.astype(int) - rgb).mean() > 3


def test_more_bits_are_rounded() -> None:
    ramp = np.broadcast_to(np.arange(32, dtype=np.uint16) * 16 + (125 << 8), (32, 32))
    planes = np.stack([ramp, np.full_like(ramp, 1 << 15), np.full_like(ramp, 1 << 15)], axis=2)
    frame = av.VideoFrame.from_ndarray(planes, format="yuv444p16le")
    exact = (ramp / 256 - 16) / 219 * 255
    assert np.abs(to_rgb(frame, look(1, full=False)) - exact[:, :, None]).max() < 1.01


def test_another_size_in_the_middle_is_made_the_first_one() -> None:
    frame = av.VideoFrame.from_ndarray(np.full((16, 64, 3), 77, np.uint8), format="rgb24")
    assert (to_rgb(frame, look(0, full=True)) == np.full((32, 32, 3), 77)).all()


@pytest.mark.parametrize(
    ("tags", "pixels"),
    [
        ({"colorspace": 6, "color_range": 2, "color_primaries": 6, "color_trc": 6}, "yuv444p"),
        ({"colorspace": 1, "color_range": 1, "color_primaries": 1, "color_trc": 1}, "yuv444p"),
        ({"colorspace": 9, "color_range": 1, "color_primaries": 9, "color_trc": 16}, "yuv444p10le"),
    ],
)
def test_a_clip_and_its_bt709_copy_show_the_same(tmp_path: Path, tags: dict[str, int], pixels: str) -> None:
    """The whole way, against swscale: file -> RGB -> BT.709 planes -> swscale -> RGB."""
    colours = np.random.default_rng(1).integers(0, 256, (2, 3, 3)).astype(np.uint8)
    pictures = np.stack([colours.repeat(16, 0).repeat(16, 1)] * 3)
    path = make_clip(tmp_path / "a.mkv", frames=3, pictures=pictures, pixels=pixels, tags=tags, options={"crf": "1"})
    clip = open_video(path)
    assert (clip.look.matrix, clip.look.primaries) == (tags["colorspace"], tags["color_primaries"])
    assert clip.look.transfer == tags["color_trc"]
    assert clip.look.full_range == (tags["color_range"] == 2)
    rgb = FrameReader(clip).read(0, 3)
    planes = rgb_to_yuv420(torch.from_numpy(rgb)).numpy()
    for picture, plane in zip(pictures, planes, strict=True):
        frame = av.VideoFrame.from_ndarray(plane, format="yuv420p")
        shown = frame.reformat(
            format="rgb24", src_colorspace="ITU709", src_color_range="MPEG", dst_color_range="JPEG"
        ).to_ndarray()  # fmt: skip
        assert np.abs(shown.astype(int) - picture)[4::16, 4::16].max() <= 4


def test_what_the_file_does_not_say_is_guessed_by_its_size(tmp_path: Path) -> None:
    small = open_video(make_clip(tmp_path / "a.mp4", frames=2))
    large = open_video(make_clip(tmp_path / "b.mp4", frames=2, size=(1280, 32)))
    assert (small.look.matrix, large.look.matrix) == (6, 1)
    assert any("BT.601" in note for note in small.notes)
    assert any("BT.709" in note for note in large.notes)
