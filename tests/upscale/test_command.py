"""`akma upscale`: folders, bad files among good ones, what is done already."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from akma_core.cli import upscale as command
from akma_core.cli.options import Parser
from akma_core.errors import AkmaError, FailureError, RequestError
from akma_core.media import video_reader
from tests.support.clips import Doubled, frames_of, make_clip, scene
from tests.upscale.test_pipeline import full_disk


class Command:
    def __init__(self) -> None:
        self.parser = Parser(prog="akma")
        command.add(self.parser.add_subparsers(required=True, parser_class=Parser))

    def __call__(self, *arguments: object) -> AkmaError | None:
        """The error that ended it."""
        try:
            options = self.parser.parse_args(["upscale", *map(str, arguments)])
            options.run(options)
        except AkmaError as error:
            return error
        return None


@pytest.fixture
def upscale(monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setattr("runners.realesrgan.open_upscaler", lambda *_, **__: Doubled())
    return Command()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_one_bad_file_does_not_stop_a_folder(
    upscale: Command, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    make_clip(clips / "a.mp4", frames=3, sound="aac")
    (clips / "b.mp4").write_bytes(b"no video")
    (clips / "c.mkv").write_bytes(b"")
    make_clip(clips / "d.MOV", frames=3)
    (clips / "notes.txt").write_text("not a video, and not taken for one")
    (clips / ".hidden.mp4").write_bytes(b"")
    error = upscale(clips, "-o", out)
    assert isinstance(error, RequestError)
    assert "2 of 4" in error.message
    assert "\n" not in error.message
    assert sorted(path.name for path in out.iterdir()) == ["a.json", "a.mp4", "d.json", "d.mov"]
    said = capsys.readouterr()
    assert [line.split(":")[1] for line in said.err.splitlines() if line.startswith("akma: ")] == [" b.mp4", " c.mkv"]
    assert "[4/4]" in said.out
    assert "100%" in said.err


def test_ten_of_which_three_are_bad(
    upscale: Command, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is no video, one that is too large for any encoder, one on which the program itself errs."""
    clips = [make_clip(tmp_path / f"{k}.mp4", frames=2) for k in range(8)]
    (tmp_path / "text.mp4").write_text("no video")
    large = make_clip(tmp_path / "large.mp4", frames=1, size=(8194, 16))
    opened = video_reader.open_video

    def erring(path: Path) -> object:
        if path.name == "5.mp4":
            raise AttributeError("'NoneType' object has no attribute 'name'")
        return opened(path)

    monkeypatch.setattr(video_reader, "open_video", erring)
    error = upscale(*clips[:4], tmp_path / "text.mp4", *clips[4:], large, "-o", out)
    assert isinstance(error, FailureError)  # since one of them is: exit code 1
    assert error.message == "3 of 10 videos failed, see above; the others are done"
    assert sorted(path.stem for path in out.glob("*.mp4")) == ["0", "1", "2", "3", "4", "6", "7"]
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("akma: ")]
    assert [line.split(":")[1] for line in lines] == [" text.mp4", " 5.mp4", " large.mp4"]
    assert "internal error (AttributeError" in lines[1]
    assert "16384" in lines[2]


def test_what_fails_at_the_end_says_how_to_go_on(
    upscale: Command, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_clip(tmp_path / "a.mp4", frames=30, fps=10)

    def refuses(*_: object) -> list[str]:
        raise FailureError("cannot write a.mp4: Invalid argument", code="write_failed")

    with monkeypatch.context() as patch:
        patch.setattr("akma_core.upscale.pipeline.join", refuses)
        error = upscale(source, "-o", out)
    assert error is not None
    assert error.message.startswith("cannot write a.mp4: Invalid argument (its 30 finished frames are kept")
    assert upscale(source, "-o", out) is None
    assert len(frames_of(out / "a.mp4")[0]) == 30


def test_done_already(upscale: Command, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_clip(tmp_path / "a.mp4", frames=3)
    assert upscale(source, "-o", out) is None
    before = (out / "a.mp4").stat().st_mtime_ns
    capsys.readouterr()
    assert upscale(source, "-o", out) is None
    assert "done already" in capsys.readouterr().out
    assert (out / "a.mp4").stat().st_mtime_ns == before
    error = upscale(source, "-o", out, "--outscale", "1.5")
    assert error is not None
    assert (error.code, "--overwrite" in error.message) == ("output_exists", True)
    assert upscale(source, "-o", out, "--outscale", "1.5", "--overwrite") is None
    assert frames_of(out / "a.mp4")[0].shape == (3, 48, 72)


def test_a_result_that_somebody_else_made_stays(upscale: Command, tmp_path: Path, out: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", frames=3)
    out.mkdir()
    (out / "a.mp4").write_bytes(b"precious")
    error = upscale(source, "-o", out)
    assert error is not None
    assert error.code == "output_exists"
    assert (out / "a.mp4").read_bytes() == b"precious"


def test_the_source_is_never_replaced(upscale: Command, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", frames=3)
    before = source.read_bytes()
    error = upscale(source, "-o", tmp_path, "--overwrite")
    assert error is not None
    assert error.code == "bad_output"
    assert source.read_bytes() == before


def test_two_of_one_name(upscale: Command, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = make_clip(tmp_path / "a.mp4", frames=3)
    second = make_clip(tmp_path / "a.mkv", frames=4)
    assert upscale(first, second, "-o", out, "--overwrite") is not None
    assert "a.mkv" in capsys.readouterr().err
    assert len(frames_of(out / "a.mp4")[0]) == 3


def test_a_full_disk_ends_it(upscale: Command, tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clips = [make_clip(tmp_path / name, frames=3) for name in ("a.mp4", "b.mp4")]
    out.mkdir()
    with full_disk(100):
        error = upscale(*clips, "-o", out)
    assert "b.mp4" not in capsys.readouterr().err
    assert isinstance(error, FailureError)
    assert error.code == "disk_full"
    assert [path.name for path in out.iterdir() if not path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--outscale", "0.5"], "1 to 4"),
        (["--outscale", "nan"], "1 to 4"),
        (["--outscale", "x"], "1 to 4"),
        (["--crf", "99"], "crf"),
        (["--device", "tpu"], "device"),
    ],
)
def test_wrong_settings(upscale: Command, tmp_path: Path, out: Path, arguments: list[str], word: str) -> None:
    error = upscale(make_clip(tmp_path / "a.mp4", frames=2), "-o", out, *arguments)
    assert isinstance(error, RequestError)
    assert word in error.message
    assert not out.exists()


def test_folders_that_do_not_work(upscale: Command, tmp_path: Path, out: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    clip = make_clip(tmp_path / "a.mp4", frames=2)
    calls: list[Callable[[], AkmaError | None]] = [
        lambda: upscale(tmp_path / "empty", "-o", out),
        lambda: upscale(clip, "-o", tmp_path / "file"),
        lambda: upscale(clip, "-o", tmp_path / "no" / "folder"),
        lambda: upscale(tmp_path / "missing.mp4", "-o", out),
    ]
    for call in calls:
        assert isinstance(call(), RequestError)


def test_a_picture_of_scene_is_like_no_other() -> None:
    """The tests above tell frames apart by it."""
    frames = scene(60).astype(int)
    assert min(np.abs(frames[k] - frames[k - 1]).mean() for k in range(1, 60)) > 10
