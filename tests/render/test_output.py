import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from akma_core.audio.reader import AudioReader, digest, open_audio
from akma_core.errors import FailureError, RequestError
from akma_core.files import sha256_of, write_whole
from akma_core.networks.card import NetworkCard
from akma_core.render import manifest
from akma_core.render.manifest import is_done, manifest_path
from akma_core.render.output import MAX_NAME, check_folder, check_output
from akma_core.render.plan import RenderPlan, read_plan
from akma_core.render.plan_base import DevicePart
from akma_core.render.planner import make_plan
from akma_core.render.render_folder import RenderFolder
from akma_core.settings import RenderSettings
from tests.support.media import decode_audio, decode_video, moving, write_segment
from tests.support.songs import RATE

CARD = NetworkCard(name="net", kind="stylegan3", config={}, width=64, height=64, weights_sha256="a" * 64)


@pytest.fixture
def reader(song: Path) -> AudioReader:
    return open_audio(song)


@pytest.fixture
def plan(song: Path, reader: AudioReader) -> RenderPlan:
    return another(song, reader)


def another(song: Path, reader: AudioReader, **fields: Any) -> RenderPlan:
    settings = RenderSettings.parse({"fps": 8, "window_length": 5, **fields})
    return make_plan(settings, reader, digest(song), CARD, DevicePart(kind="cpu", dtype="float32", batch=1))


def fill(work: RenderFolder) -> None:
    for chunk in work.missing():
        write_segment(work.path(chunk), work.plan.make_encoder(), moving(chunk.frames, seed=chunk.index))


def whole(video: Path, plan: RenderPlan, reader: AudioReader) -> Path:
    work = RenderFolder(video, plan)
    with work.owned():
        fill(work)
        return work.finish(reader)


def refusal(work: Callable[[], object]) -> RequestError:
    with pytest.raises(RequestError) as caught:
        work()
    assert caught.value.message.splitlines() == [caught.value.message]
    return caught.value


def test_a_video_and_its_manifest_are_all_that_stays(tmp_path: Path, plan: RenderPlan, reader: AudioReader) -> None:
    video = tmp_path / "song.mp4"
    manifest = whole(video, plan, reader)
    assert manifest == manifest_path(video) == tmp_path / "song.json"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["song.json", "song.mp4"]
    planes, times = decode_video(video)
    assert len(planes) == 24
    assert times[-1] * 8 == 23
    assert 0 <= len(decode_audio(video)) - 3 * RATE < 2048
    facts = json.loads(manifest.read_text())
    assert facts["akma"] == "manifest"
    assert facts["digest"] == plan.digest
    assert facts["video"] == {"bytes": video.stat().st_size, "sha256": sha256_of(video), "frames": 24}
    assert read_plan(manifest.read_bytes(), "x") == plan


def test_notes_on_the_sound_are_in_the_manifest(tmp_path: Path, song: Path, reader: AudioReader) -> None:
    short = another(song, reader, window_length=99)
    facts = json.loads(whole(tmp_path / "a.mp4", short, reader).read_text())
    assert facts["notes"] == list(short.notes) != []


def test_chunks_wait_in_a_folder_of_their_plan(tmp_path: Path, plan: RenderPlan) -> None:
    work = RenderFolder(tmp_path / "song.mp4", plan)
    first = next(plan.chunks())
    assert work.path(first).parent == tmp_path / ".song.mp4.parts" / plan.digest
    with work.owned():
        assert work.missing() == list(plan.chunks())
        fill(work)
        assert work.missing() == []
    assert work.path(first).exists()


def test_broken_and_misplaced_segments_are_missing(tmp_path: Path, plan: RenderPlan) -> None:
    work = RenderFolder(tmp_path / "song.mp4", plan)
    chunks = list(plan.chunks())
    assert [chunk.frames for chunk in chunks] == [8, 16]
    with work.owned():
        fill(work)
        path = work.path(chunks[1])
        path.write_bytes(path.read_bytes()[:-100])
        assert work.missing() == [chunks[1]]
        assert not path.exists()
        path.write_bytes(work.path(chunks[0]).read_bytes())
        assert work.missing() == [chunks[1]]
        path.write_bytes(b"")
        assert work.missing() == [chunks[1]]


def test_one_owner_at_a_time(tmp_path: Path, plan: RenderPlan, song: Path, reader: AudioReader) -> None:
    video = tmp_path / "song.mp4"
    other = RenderFolder(video, another(song, reader, seed=1))
    with RenderFolder(video, plan).owned():
        for second in (RenderFolder(video, plan), other):
            error = refusal(lambda work=second: work.owned().__enter__())  # type: ignore[misc]
            assert (error.code, error.field) == ("output_busy", "output")
        with RenderFolder(tmp_path / "other.mp4", plan).owned():
            pass
    with other.owned():
        pass


def test_what_a_kill_left_half_written_is_removed(tmp_path: Path, plan: RenderPlan) -> None:
    work = RenderFolder(tmp_path / "song.mp4", plan)
    with work.owned():
        fill(work)
        leftover = work.path(next(plan.chunks())).with_name("chunk00001.mp4.12345678.tmp")
        leftover.write_bytes(b"half")
    with work.owned():
        assert not leftover.exists()
        assert work.missing() == []


def test_a_second_owner_leaves_the_firsts_files_alone(tmp_path: Path, plan: RenderPlan) -> None:
    work = RenderFolder(tmp_path / "song.mp4", plan)
    with work.owned():
        writing = work.path(next(plan.chunks())).with_name("chunk00000.mp4.12345678.tmp")
        writing.write_bytes(b"half")
        refusal(lambda: work.owned().__enter__())
        assert writing.exists()


def test_a_full_disk_at_the_end_keeps_the_chunks(
    tmp_path: Path, plan: RenderPlan, reader: AudioReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    video, work = tmp_path / "song.mp4", RenderFolder(tmp_path / "song.mp4", plan)

    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with work.owned():
        fill(work)
        with monkeypatch.context() as patch:
            patch.setattr(manifest, "sync", full)
            with pytest.raises(FailureError, match="no room left") as caught:
                work.finish(reader)
        assert caught.value.code == "disk_full"
        assert not video.exists()
        assert not manifest_path(video).exists()
        assert work.missing() == []
        work.finish(reader)
    assert is_done(video, plan, overwrite=False)


@pytest.mark.parametrize("at", ["song.json", "song.mp4"])
def test_a_crash_while_manifest_and_video_are_put_in_place_goes_on(
    tmp_path: Path, plan: RenderPlan, song: Path, reader: AudioReader, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """At no moment does a manifest stand beside another plan's video."""
    video, work = tmp_path / "song.mp4", RenderFolder(tmp_path / "song.mp4", plan)
    whole(video, another(song, reader, seed=1), reader)
    replace = Path.replace

    def crash(self: Path, target: Path) -> Path:
        if target.name == at:
            raise KeyboardInterrupt
        return replace(self, target)

    with work.owned():
        fill(work)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", crash)
            with pytest.raises(KeyboardInterrupt):
                work.finish(reader)
    assert not video.exists()
    assert not is_done(video, plan, overwrite=False)
    with work.owned():
        assert work.missing() == []
        work.finish(reader)
    assert is_done(video, plan, overwrite=False)


def test_is_done(tmp_path: Path, plan: RenderPlan, song: Path, reader: AudioReader) -> None:
    video, other = tmp_path / "song.mp4", another(song, reader, seed=1, crf=20)
    assert not is_done(video, plan, overwrite=False)
    whole(video, plan, reader)
    assert is_done(video, plan, overwrite=False)
    assert is_done(video, plan, overwrite=True)
    error = refusal(lambda: is_done(video, other, overwrite=False))
    assert error.code == "output_exists"
    assert "seeds top, seeds bottom, modulation, encoder" in error.message
    assert "--overwrite" in error.message
    assert not is_done(video, other, overwrite=True)
    video.unlink()
    assert not is_done(video, plan, overwrite=False)  # its old manifest is no obstacle


def test_a_video_that_was_changed_since_is_not_done(tmp_path: Path, plan: RenderPlan, reader: AudioReader) -> None:
    video = tmp_path / "song.mp4"
    whole(video, plan, reader)
    with video.open("ab") as file:
        file.write(b"x")
    assert "changed since" in refusal(lambda: is_done(video, plan, overwrite=False)).message


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"{}", b'{"akma": "manifest"}', b'{"akma": "manifest", "plan": {}, "video": {}}', b"\xff"],
)
def test_a_foreign_file_under_the_manifests_name_is_not_lost(tmp_path: Path, plan: RenderPlan, text: bytes) -> None:
    video = tmp_path / "song.mp4"
    manifest_path(video).write_bytes(text)
    error = refusal(lambda: is_done(video, plan, overwrite=False))
    assert "song.json" in error.message
    assert not is_done(video, plan, overwrite=True)
    video.write_bytes(b"a video")
    assert "no manifest" in refusal(lambda: is_done(video, plan, overwrite=False)).message


def test_another_videos_manifest_is_not_lost(tmp_path: Path, plan: RenderPlan, reader: AudioReader) -> None:
    whole(tmp_path / "song.mp4", plan, reader)
    assert "that of song.mp4" in refusal(lambda: is_done(tmp_path / "song.mkv", plan, overwrite=False)).message
    assert not is_done(tmp_path / "song.mkv", plan, overwrite=True)
    (tmp_path / "song.mp4").unlink()
    assert not is_done(tmp_path / "song.mkv", plan, overwrite=False)


@pytest.mark.parametrize("name", ["song", "song.avi", "song.mp4.txt", "song.json", ".mp4"])
def test_other_containers(tmp_path: Path, name: str) -> None:
    assert ".mp4, .mov or .mkv" in refusal(lambda: check_output(tmp_path / name, "aac")).message


def test_what_cannot_be_an_output(tmp_path: Path) -> None:
    check_output(tmp_path / "song.mp4", "flac")
    assert "does not exist" in refusal(lambda: check_output(tmp_path / "no" / "song.mp4", "aac")).message
    assert refusal(lambda: check_output(tmp_path / "song.mov", "flac")).field == "audio_codec"
    assert "too long" in refusal(lambda: check_output(tmp_path / f"{'x' * 300}.mp4", "aac")).message
    assert "too long" in refusal(lambda: check_output(tmp_path / f"{'é' * 120}.mp4", "aac")).message
    (tmp_path / "folder.mp4").mkdir()
    assert "is a folder" in refusal(lambda: check_output(tmp_path / "folder.mp4", "aac")).message
    (tmp_path / "song.json").mkdir()
    assert "is a folder" in refusal(lambda: check_output(tmp_path / "song.mp4", "aac")).message
    (tmp_path / "file").touch()
    assert "does not exist" in refusal(lambda: check_folder(tmp_path / "file" / "song.mp4")).message


def test_the_longest_name_can_be_rendered(tmp_path: Path, plan: RenderPlan, reader: AudioReader) -> None:
    video = tmp_path / f"{'x' * (MAX_NAME - 4)}.mp4"
    check_output(video, "aac")
    whole(video, plan, reader)
    write_whole(video, lambda path: path.write_bytes(b"x"))
    assert video.read_bytes() == b"x"


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o555)
    if os.access(tmp_path, os.W_OK):  # root may write anywhere
        monkeypatch.setattr(os, "access", lambda *_: False)
    error = refusal(lambda: check_folder(tmp_path / "song.mp4"))
    assert "cannot be written to" in error.message
    tmp_path.chmod(0o755)


def test_write_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("old")

    def half(temporary: Path) -> None:
        temporary.write_text("new, but")
        assert path.read_text() == "old"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FailureError, match="no room left"):
        write_whole(path, half)
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("x.csv", "old")]
    write_whole(path, lambda temporary: temporary.write_text("new"))
    assert [(found.name, found.read_text()) for found in tmp_path.iterdir()] == [("x.csv", "new")]


def test_other_errors_of_the_disk_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(FailureError, match="cannot write") as caught:
        write_whole(tmp_path / "no" / "x.csv", lambda temporary: temporary.write_text("new"))
    assert caught.value.code == "write_failed"
