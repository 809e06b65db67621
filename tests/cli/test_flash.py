"""`akma flash` on files: exit codes, JSON, times of containers, and what is no video."""

import json
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from akma_core.cli import main


def write(path: Path, levels: list[int], codec: str, pixels: str, fps: int = 30) -> Path:
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=Fraction(fps)))
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixels
        for level in levels:
            picture = np.full((64, 96, 3), 60, np.uint8)
            picture[:, 24:] = level
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("codec", "pixels", "name"), [
    ("ffv1", "bgr0", "a.mkv"), ("libx264", "yuv420p", "a.mp4"), ("mpeg4", "yuv420p", "a.avi"),
])  # fmt: skip
def test_flashing_videos_fail_and_others_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], codec: str, pixels: str, name: str
) -> None:
    wild = write(tmp_path / name, [60, 60, 60, 170] * 15, codec, pixels)
    assert main.main(["flash", str(wild), "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert (report["video"], report["frames"], report["verdict"]) == (name, 60, "fail")
    assert set(report["standards"]) == {"trace24", "wcag2_2", "ofcom2017", "itu_r1702_4", "iso"}
    iso = report["standards"]["iso"]
    # Up and down every fourth picture: eight times each in the 30 from the first on.
    assert (iso["verdict"], iso["general"]["transitions"], iso["red"]["transitions"]) == ("fail", 16, 0)
    assert iso["general"]["where"] == {"x": 0, "y": 0, "width": 96, "height": 64}

    calm = write(tmp_path / ("calm" + name), [60] * 20 + [170] * 20 + [60] * 20, codec, pixels)
    assert main.main(["flash", str(calm)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 5
    assert all(" pass  2 general transitions" in line for line in out)


def test_what_is_no_video_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rubbish = tmp_path / "song.mp4"
    rubbish.write_bytes(b"no video" * 100)
    for path in (rubbish, tmp_path / "missing.mp4", tmp_path):
        assert main.main(["flash", str(path)]) == 2
        assert capsys.readouterr().err.startswith("akma: ")
