import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akma_core.errors import FailureError, RequestError
from akma_core.media.encoder import TABLE, Encoder, default_bit_rate
from akma_core.media.segment import SegmentWriter, segment_info
from tests.support.media import decode_video, encoder, moving, write_segment


def python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("width", {"width": 63}),
        ("width", {"width": 0}),
        ("height", {"height": 16386}),
        ("fps", {"fps": Fraction(0)}),
        ("fps", {"fps": Fraction(2**31, 3)}),
        ("codec", {"codec": "h263"}),
        ("preset", {"preset": "warp"}),
        ("crf", {"crf": None}),
        ("crf", {"bit_rate": 10_000}),
        ("crf", {"crf": 52.0}),
        ("crf", {"crf": float("nan")}),
        ("bit_rate", {"crf": None, "bit_rate": 10}),
        ("threads", {"threads": 0}),
        ("gop", {"gop": 0}),
    ],
)
def test_wrong_settings_are_named(field: str, settings: dict[str, Any]) -> None:
    good: dict[str, Any] = {"width": 64, "height": 64, "fps": Fraction(30), "crf": 16.0}
    with pytest.raises(RequestError) as caught:
        Encoder(**(good | settings))
    assert caught.value.field == field


def test_a_size_the_codec_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="16384x16384"):
        SegmentWriter(tmp_path / "big.mp4", encoder(side=16384)).__enter__()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("width", "height"), [(2, 2), (16, 16), (16, 1024), (1024, 18), (98, 34)])
def test_sizes(tmp_path: Path, width: int, height: int) -> None:
    settings = Encoder(width=width, height=height, fps=Fraction(30), crf=16)
    planes = np.full((3, height * 3 // 2, width), 90, np.uint8)
    got, _ = decode_video(write_segment(tmp_path / "a.mp4", settings, planes))
    assert got.shape == planes.shape
    assert np.abs(got - planes.astype(int)).max() <= 3


def test_akmas_table() -> None:
    mbit = {
        (1024, 576, 30): 1.5,
        (1280, 720, 24): 2,
        (1280, 720, 30): 2.5,
        (1280, 720, 48): 3.1,
        (1280, 720, 60): 3.5,
        (1920, 1080, 24): 3.5,
        (1920, 1080, 30): 4,
        (1920, 1080, 48): 4.9,
        (1920, 1080, 60): 5.5,
    }
    assert {size: default_bit_rate(*size) / 1e6 for size in mbit} == mbit
    assert len(TABLE) == 3


sides, rates = st.integers(2, 16384), st.fractions(Fraction(1, 10), 240, max_denominator=1001)


@given(sides, sides, sides, rates, rates)
def test_bit_rate_never_falls(width: int, height: int, taller: int, slow: Fraction, fast: Fraction) -> None:
    low, high = sorted((height, taller))
    slow, fast = sorted((slow, fast))
    assert default_bit_rate(width, low, slow) <= default_bit_rate(width, high, slow)
    assert default_bit_rate(width, low, slow) <= default_bit_rate(width, low, fast)
    assert 16_000 <= default_bit_rate(width, high, fast) <= 1_000_000_000


def test_a_segment_has_every_frame_at_its_time(tmp_path: Path) -> None:
    planes = moving(25)
    path = tmp_path / "a.mp4"
    with SegmentWriter(path, encoder(Fraction(30000, 1001))) as writer:
        for start in range(0, 25, 4):
            writer.write(planes[start : start + 4])
    got, times = decode_video(path)
    assert times == [k * Fraction(1001, 30000) for k in range(25)]
    error = np.mean((got.astype(float) - planes) ** 2)
    assert 10 * np.log10(255**2 / error) > 33
    info = segment_info(path)
    assert info is not None
    assert info.frames == 25
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


def test_what_browsers_and_joining_need(tmp_path: Path) -> None:
    path = write_segment(tmp_path / "a.mp4", encoder(gop=20), moving(50))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        tags = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
        assert tags == (1, 1, 1, 1)
        assert (context.profile, context.pix_fmt, context.has_b_frames) == ("High", "yuv420p", False)
        packets = [packet for packet in container.demux(stream) if packet.size]
    assert [packet.pts for packet in packets] == [packet.dts for packet in packets]
    keys = [i for i, packet in enumerate(packets) if packet.is_keyframe]
    assert keys[0] == 0
    assert max(b - a for a, b in zip(keys, [*keys[1:], 50], strict=True)) <= 20
    assert all(idr(bytes(packets[i])) for i in keys)


def idr(sample: bytes) -> bool:
    """Whether a sample holds IDR slices (NAL type 5), across which nothing looks back, and no others."""
    types, at = [], 0
    while at < len(sample):
        types.append(sample[at + 4] & 31)
        at += 4 + int.from_bytes(sample[at : at + 4], "big")
    return 5 in types and 1 not in types


@pytest.mark.parametrize("settings", [{"crf": 16.0}, {"bit_rate": 300_000}, {"crf": 20.0, "threads": 4}])
def test_same_frames_same_bytes(tmp_path: Path, settings: dict[str, Any]) -> None:
    planes = moving(60)
    first, second = (write_segment(tmp_path / name, encoder(**settings), planes) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("settings", [{"crf": 16.0}, {"bit_rate": 200_000}])
def test_headers_follow_from_the_settings_alone(tmp_path: Path, settings: dict[str, Any]) -> None:
    paths = [
        write_segment(tmp_path / "noise.mp4", encoder(**settings), moving(60)),
        write_segment(tmp_path / "black.mp4", encoder(**settings), np.full((1, 96, 64), 16, np.uint8)),
    ]
    headers = {info.extradata for path in paths if (info := segment_info(path))}
    assert len(headers) == 1
    assert headers != {b""}


@pytest.mark.parametrize("bit_rate", [100_000, 400_000])
def test_bit_rate_is_roughly_kept(tmp_path: Path, bit_rate: int) -> None:
    path = write_segment(tmp_path / "a.mp4", encoder(bit_rate=bit_rate), moving(120))
    assert path.stat().st_size * 8 / 4 == pytest.approx(bit_rate, rel=0.15)


def break_off(path: Path) -> None:
    with SegmentWriter(path, encoder()) as writer:
        writer.write(moving(9))
        raise KeyError


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        break_off(tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_no_frames_are_no_segment(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one frame"), SegmentWriter(tmp_path / "a.mp4", encoder()):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("planes", [np.zeros((1, 64, 64), np.uint8), np.zeros((1, 96, 64), np.float32)])
def test_other_planes_are_refused(tmp_path: Path, planes: Any) -> None:
    with (
        pytest.raises(ValueError, match="expected uint8"),
        SegmentWriter(tmp_path / "a.mp4", encoder()) as writer,
    ):
        writer.write(planes)


def test_a_finished_segment_is_replaced_whole(tmp_path: Path) -> None:
    path = write_segment(tmp_path / "a.mp4", encoder(), moving(5))
    before = path.read_bytes()
    with pytest.raises(KeyError):
        break_off(path)
    assert path.read_bytes() == before
    info = segment_info(write_segment(path, encoder(), moving(9)))
    assert info is not None
    assert info.frames == 9


KILLED = """
import os, signal, sys
from pathlib import Path
from akma_core.media.segment import SegmentWriter
from tests.support.media import encoder, moving
with SegmentWriter(Path(sys.argv[1]), encoder()) as writer:
    writer.write(moving(200))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_writer_leaves_no_segment(tmp_path: Path) -> None:
    assert python(KILLED, tmp_path / "a.mp4").returncode == -9
    left = list(tmp_path.iterdir())
    assert [path.suffix for path in left] == [".tmp"]
    assert segment_info(left[0]) is None


FULL = """
import resource, sys
from pathlib import Path
from akma_core.errors import FailureError
from akma_core.media.segment import SegmentWriter
from tests.support.media import encoder, moving
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    with SegmentWriter(Path(sys.argv[1]), encoder()) as writer:
        writer.write(moving(200))
except FailureError as error:
    print(error.code, error.message, sep="\\n")
"""


@pytest.mark.parametrize("limit", [0, 20_000, 80_000])
def test_a_full_disk_is_one_line(tmp_path: Path, limit: int) -> None:
    done = python(FULL, tmp_path / "a.mp4", limit)
    code, message, *more = done.stdout.splitlines()
    assert code == "disk_full"
    assert "free some space" in message
    assert not more
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(FailureError, match="No such file") as caught:
        SegmentWriter(tmp_path / "none" / "a.mp4", encoder()).__enter__()
    assert caught.value.code == "write_failed"


def test_broken_segments_are_not_whole(tmp_path: Path) -> None:
    path = write_segment(tmp_path / "a.mp4", encoder(), moving(30))
    whole = path.read_bytes()
    assert segment_info(tmp_path / "missing.mp4") is None
    for size in (0, 10, len(whole) // 2, len(whole) - 700):
        path.write_bytes(whole[:size])
        assert segment_info(path) is None, size
    path.write_bytes(b"not a video at all" * 50)
    assert segment_info(path) is None
