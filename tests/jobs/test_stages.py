"""Each stage may be begun again wherever it was stopped; together they make the video that `akma render` makes."""

import gc
import json
import shutil
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from akma_core import timeline
from akma_core.audio.reader import open_audio
from akma_core.errors import FailureError, RequestError
from akma_core.jobs.objects import RenderStoppedError
from akma_core.jobs.progress import ProgressTracker
from akma_core.jobs.stages import KEPT
from akma_core.render.flashes import track_path
from akma_core.render.plan import read_plan
from akma_core.render.render_folder import RenderFolder
from tests.support.stagehand import KilledError, Lamp, Stage, cancel_at, kill_at, stage

CHUNKS = 6  # of 3 seconds, at half a second each


@pytest.fixture
def hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(timeline, "CHUNK_SECONDS", (0.5, 0.5, 0.5))
    with stage(tmp_path) as made:
        yield made


def test_the_video_is_what_akma_render_makes(hand: Stage, song: Path, tmp_path: Path) -> None:
    render_id = hand.accept(song)
    plan = hand.everything(render_id)
    assert plan.chunk_count == CHUNKS
    assert hand.stages.finish(render_id)
    video = tmp_path / "song.mp4"
    work = RenderFolder(video, plan)
    with work.owned():
        for chunk in plan.chunks():
            hand.storage.get_file(f"renders/{render_id}/chunks/{chunk.index:05d}.mp4", work.path(chunk))
            hand.storage.get_file(f"renders/{render_id}/chunks/{chunk.index:05d}.flash", track_path(work.path(chunk)))
        manifest = work.finish(open_audio(song))
    assert hand.storage.get_bytes(f"renders/{render_id}/video.mp4") == video.read_bytes()
    written = hand.storage.get_bytes(f"renders/{render_id}/manifest.json")
    assert written == manifest.read_bytes()
    assert read_plan(written, "manifest.json") == plan
    render = hand.database.get(render_id)
    assert render is not None
    assert (render.status, render.stage, render.chunks, render.sound) == ("done", "done", CHUNKS, CHUNKS)
    assert (render.frames, render.width, render.height) == (24, 64, 64)
    assert render.bytes == sum(entry.size for entry in hand.storage.list(f"renders/{render_id}/"))
    assert hand.left() == []


def test_a_wish_for_another_device_is_noted(hand: Stage, song: Path) -> None:
    wish = "device cuda was asked for; the worker that was free has cpu"
    assert wish in hand.plan(hand.accept(song, device="cuda")).notes
    assert wish not in hand.plan(hand.accept(song, device="cpu")).notes


def test_a_plan_that_is_begun_again_is_the_same(hand: Stage, song: Path) -> None:
    render_id = hand.accept(song)
    first = hand.plan(render_id)
    hand.stages.chunk(render_id, 0)
    began = hand.database.get(render_id)
    assert hand.plan(render_id) == first
    again = hand.database.get(render_id)
    assert began
    assert again
    assert (hand.device.planned, again.started, again.base) == (1, began.started, 1)
    assert [row["whole"] for row in hand.database.segments(render_id)] == [1] + [0] * (CHUNKS - 1)


@pytest.mark.parametrize("moment", ["plan.json", "curve.npy", "curves.npz"])
def test_a_plan_that_was_stopped_half_way_is_made_again(hand: Stage, song: Path, moment: str) -> None:
    render_id = hand.accept(song)
    kill_at(hand, moment)
    with pytest.raises(KilledError):
        hand.plan(render_id)
    plan = hand.plan(render_id)
    assert plan.chunk_count == len(hand.database.segments(render_id))
    assert hand.left() == []


def test_another_version_begins_again_from_the_song(hand: Stage, song: Path) -> None:
    render_id = hand.accept(song)
    hand.everything(render_id)
    assert hand.database.reassign(render_id, "1", "2")
    for work in (hand.stages.sound, hand.stages.finish, lambda render_id: hand.stages.chunk(render_id, 0)):
        with pytest.raises(RenderStoppedError):  # the old one takes no part in it
            work(render_id)
    made = hand.device.lamp.pictures_made
    hand.stages = hand.another("2")
    kill_at(hand, "plan.json")
    with pytest.raises(KilledError):
        hand.plan(render_id)
    assert hand.keys(render_id) == ["audio.wav", "curve.npy", "curves.npz"]
    hand.everything(render_id)
    assert hand.device.lamp.pictures_made == 2 * made
    assert hand.stages.finish(render_id)


def test_no_plan_for_what_is_over(hand: Stage, song: Path) -> None:
    render_id = hand.accept(song)
    cancel_at(hand, render_id, "plan")
    assert hand.stages.plan(render_id, lambda: 1)[1] is False
    assert hand.database.segments(render_id) == []
    with pytest.raises(RenderStoppedError):
        hand.stages.plan(render_id, lambda: 1)
    with pytest.raises(RenderStoppedError):
        hand.stages.plan("nobody", lambda: 1)


def test_a_song_that_cannot_be_read_is_the_users(hand: Stage, song: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"RIFF" + bytes(range(256)))
    with pytest.raises(RequestError):
        hand.plan(hand.accept(noise))
    assert hand.left() == []
    assert song.exists()


def test_a_chunk_that_is_there_is_not_rendered(hand: Stage, song: Path, capsys: pytest.CaptureFixture[str]) -> None:
    render_id = hand.accept(song)
    hand.plan(render_id)
    assert hand.stages.chunk(render_id, 0) == CHUNKS - 1
    made = hand.device.lamp.pictures_made
    assert made == 4
    assert hand.another("1").chunk(render_id, 0) == CHUNKS - 1
    assert hand.device.lamp.pictures_made == made
    assert hand.database.segments(render_id)[0]["rendered"] == 1
    events = [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()]
    assert [name for name in events if name.startswith("chunk")] == ["chunk_rendered", "chunk_found"]


def test_chunks_in_any_order_tell_how_many_are_missing(hand: Stage, song: Path) -> None:
    render_id = hand.accept(song)
    hand.plan(render_id)
    assert [hand.stages.chunk(render_id, k) for k in (5, 0, 3, 1, 2, 4)] == [5, 4, 3, 2, 1, 0]
    assert hand.database.progress([render_id])[render_id].frames_done == 24


@pytest.mark.parametrize("how", ["cancelled", "forgotten", "reassigned", "stopping"])
def test_it_ends_within_a_batch_and_leaves_nothing(hand: Stage, song: Path, how: str) -> None:
    render_id = hand.accept(song)
    hand.plan(render_id)
    ends = {
        "cancelled": lambda: hand.database.cancel(render_id),
        "forgotten": lambda: hand.database.forget(render_id),
        "reassigned": lambda: hand.database.reassign(render_id, "1", "2"),
        "stopping": hand.stages.stopping.set,
    }

    def on_pictures() -> None:
        ends[how]()
        hand.stages.watch()

    hand.device.lamp.on_pictures = on_pictures
    with pytest.raises(RenderStoppedError):
        hand.stages.chunk(render_id, 0)
    assert hand.device.lamp.pictures_made == Lamp.step
    assert hand.left() == []
    assert "chunks/00000.mp4" not in hand.keys(render_id)
    assert hand.stages.busy.progress_rows() == []
    with hand.device.acquire():
        pass  # the device is free


def test_others_go_on_when_one_is_cancelled(hand: Stage, song: Path) -> None:
    one, other = hand.accept(song), hand.accept(song)
    for each in (one, other):
        hand.plan(each)
    hand.database.cancel(one)
    hand.device.lamp.on_pictures = hand.stages.watch
    assert hand.stages.chunk(other, 0) == CHUNKS - 1


def test_a_network_is_let_go_when_nobody_renders_with_it(hand: Stage, song: Path) -> None:
    render_id = hand.accept(song)
    hand.plan(render_id)
    hand.stages.chunk(render_id, 0)
    lamp = weakref.ref(hand.device.lamp)
    hand.device.lamp = Lamp()
    gc.collect()
    assert lamp() is None


def test_plans_in_memory_are_few(hand: Stage, song: Path) -> None:
    for _ in range(KEPT + 2):
        render_id = hand.accept(song)
        hand.plan(render_id)
        hand.stages.chunk(render_id, 0)
    assert len(hand.stages._jobs) == KEPT
    hand.stages.forget(render_id)
    assert len(hand.stages._jobs) == KEPT - 1


@pytest.mark.parametrize("moment", ["sound/00000.mp4", "sound/00003.mp4", "sound/00005.mp4", "notes.json"])
def test_sound_goes_on_where_it_was(hand: Stage, song: Path, moment: str) -> None:
    render_id = hand.accept(song)
    hand.plan(render_id)
    kill_at(hand, moment)
    with pytest.raises(KilledError):
        hand.stages.sound(render_id)
    render = hand.database.get(render_id)
    assert render
    assert render.sound < CHUNKS  # nobody joins before the notes are there
    before = list(hand.storage.put)
    hand.stages.sound(render_id)
    again = [key for key in hand.storage.put[len(before) :] if key.endswith("mp4")]
    assert not set(again) & set(before)
    assert [key for key in hand.keys(render_id) if key.startswith("sound/")] == [
        *(f"sound/{k:05d}.mp4" for k in range(CHUNKS)),
        "sound/notes.json",
    ]
    render = hand.database.get(render_id)
    assert render
    assert render.sound == CHUNKS
    assert hand.left() == []


def test_sound_ends_when_the_render_does(hand: Stage, song: Path) -> None:
    render_id = hand.accept(song)
    hand.plan(render_id)
    cancel_at(hand, render_id, "00001")
    with pytest.raises(RenderStoppedError):
        hand.stages.sound(render_id)
    assert "sound/00002.mp4" not in hand.keys(render_id)
    assert hand.left() == []


def test_the_marker_is_last_and_once(hand: Stage, song: Path) -> None:
    render_id = hand.accept(song)
    hand.everything(render_id)
    before = len(hand.storage.put)
    assert hand.stages.finish(render_id)
    names = [key.rpartition("/")[2] for key in hand.storage.put[before:]]
    assert names == ["video.mp4", "manifest.json", "done"]
    with pytest.raises(RenderStoppedError):
        hand.stages.finish(render_id)


@pytest.mark.parametrize("moment", ["video.mp4", "manifest.json", "done"])
def test_a_join_that_was_stopped_is_done_again(hand: Stage, song: Path, moment: str) -> None:
    render_id = hand.accept(song)
    hand.everything(render_id)
    kill_at(hand, moment)
    with pytest.raises(KilledError):
        hand.stages.finish(render_id)
    assert "done" not in hand.keys(render_id)
    assert hand.stages.finish(render_id)
    assert hand.left() == []


def test_a_marker_without_its_row_is_not_joined_again(hand: Stage, song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render_id = hand.accept(song)
    hand.everything(render_id)
    with monkeypatch.context() as patch:
        patch.setattr(hand.stages, "forget", lambda _: (_ for _ in ()).throw(KilledError()))
        with pytest.raises(KilledError):
            hand.stages.finish(render_id)
    before = list(hand.storage.put)
    assert hand.stages.finish(render_id)
    assert hand.storage.put == before
    render = hand.database.get(render_id)
    assert render
    assert render.status == "done"


def test_a_cancelled_render_is_not_joined_to_its_end(hand: Stage, song: Path) -> None:
    render_id = hand.accept(song)
    hand.everything(render_id)
    hand.database.update(render_id, stage="rendering")
    cancel_at(hand, render_id, "video")
    with pytest.raises(RenderStoppedError):
        hand.stages.finish(render_id)
    assert "done" not in hand.keys(render_id)
    render = hand.database.get(render_id)
    assert render
    assert render.status == "cancelled"


def test_what_memory_did_is_in_the_manifest(hand: Stage, song: Path) -> None:
    render_id = hand.accept(song)
    lamp = hand.device.lamp
    lamp.notes.append("of another render")
    lamp.on_pictures = lambda: lamp.notes.append("memory ran out") if lamp.pictures_made == 4 else None
    hand.everything(render_id)
    assert [json.loads(row["notes"]) for row in hand.database.segments(render_id)][:3] == [[], ["memory ran out"], []]
    hand.stages.finish(render_id)
    manifest = json.loads(hand.storage.get_bytes(f"renders/{render_id}/manifest.json"))
    assert manifest["notes"].count("memory ran out") == 1
    assert "of another render" not in manifest["notes"]
    assert "chunk 1: memory ran out" in [text for _, text in hand.database.notes(render_id)]


def test_what_a_process_left_goes_when_the_next_is_alone(hand: Stage) -> None:
    leftover = hand.folder / "work" / "r" / "00000-1" / ".chunk.mp4.tmp"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    assert hand.another("1")
    assert hand.left() == [leftover]  # its owner may still be at work
    hand.stages.clean()
    assert hand.left() == []
    hand.stages.clean()


def test_a_folder_that_cannot_be_made_is_a_failure(hand: Stage, song: Path) -> None:
    render_id = hand.accept(song)
    shutil.rmtree(hand.folder / "work", ignore_errors=True)
    (hand.folder / "work").touch()
    with pytest.raises(FailureError) as caught:
        hand.plan(render_id)
    assert caught.value.code == "write_failed"


def test_the_pulse_has_each_chunk_and_a_speed_for_each_render(monkeypatch: pytest.MonkeyPatch) -> None:
    busy, now = ProgressTracker(), 100.0
    assert not busy.stands_still(0)  # with nothing to do
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for index in (0, 1):
        busy.begin("r", index)
    for now in (100.0, 101.0, 102.0):  # noqa: B007
        busy.add("r", 1, 10)
    (zero, one) = busy.progress_rows()
    assert not busy.stands_still(60)
    assert (zero.index, zero.done, zero.rate) == (0, 0, 10.0)
    assert (one.index, one.done, one.rate) == (1, 30, 0.0)
    now = 130.0
    assert busy.stands_still(20)
    busy.add("r", 0, 10)
    assert busy.progress_rows()[0].rate == 0.0  # what was before the pause says nothing
    busy.end("r", 0)
    busy.end("r", 1)
    assert (busy.progress_rows(), busy.marks, busy.total) == ([], {}, 40)


def test_two_chunks_at_once_are_those_of_one_after_the_other(hand: Stage, song: Path) -> None:
    one, other = hand.accept(song), hand.accept(song)
    for each in (one, other):
        hand.plan(each)
    threads = [threading.Thread(target=hand.stages.chunk, args=(one, k)) for k in range(4)]
    for thread in threads:
        thread.start()
    for k in range(4):
        hand.stages.chunk(other, k)
    for thread in threads:
        thread.join()
    for k in range(4):
        name = f"chunks/{k:05d}.mp4"
        same = [hand.storage.get_bytes(f"renders/{each}/{name}") for each in (one, other)]
        assert same[0] == same[1]


def test_a_stem_is_heard_by_its_name(hand: Stage, song: Path) -> None:
    row = "loudness@drums -> walk.blend"
    render_id = hand.accept(song, modulation=[row], preset="pulse")
    hand.storage.put_file("songs/stem/audio.wav", song)
    hand.database.update(render_id, files=json.dumps({"stem:drums": "songs/stem/audio.wav"}))
    plan = hand.plan(render_id)
    assert plan.modulation is not None
    assert list(plan.modulation.files) == ["stem:drums"]
    assert any("loudness@drums" in name for name in plan.modulation.columns)
    assert hand.left() == []
