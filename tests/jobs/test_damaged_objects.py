"""Whatever storage loses, cuts or changes is made again, and the video has the same bytes; only a lost song fails."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from akma_core import timeline
from akma_core.database import SONG, Checksum
from akma_core.errors import RequestError
from akma_core.jobs.objects import DamagedError, RenderObjects, RenderStoppedError, checksum_of_file
from tests.support.rows import accept
from tests.support.stagehand import KilledError, Stage, kill_at, stage

CHUNKS = 4  # of 3 seconds
KINDS = ("chunks/00000.mp4", "chunks/00003.mp4", "sound/00001.mp4", "sound/notes.json", "plan.json", "curves.npz")


HOW: dict[str, Callable[[bytes], bytes | None]] = {
    "rotten": lambda data: bytes(255 - x if abs(k - len(data) // 2) < 100 else x for k, x in enumerate(data)),
    "cut": lambda data: data[: len(data) // 2],
    "missing": lambda _: None,
}


@pytest.fixture
def hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(timeline, "CHUNK_SECONDS", (0.75, 0.75, 0.75))
    with stage(tmp_path) as made:
        yield made


def damage(hand: Stage, render_id: str, name: str, how: str) -> None:
    key = f"renders/{render_id}/{name}"
    data = HOW[how](hand.storage.get_bytes(key))
    if data is None:
        hand.storage.delete(key)
    else:
        hand.storage.put_bytes(key, data)


def video(hand: Stage, render_id: str) -> bytes:
    return hand.storage.get_bytes(f"renders/{render_id}/video.mp4", 1 << 24)


def finished(hand: Stage, song: Path) -> bytes:
    """The video that should come out."""
    render_id = hand.accept(song)
    hand.everything(render_id)
    assert hand.stages.finish(render_id)
    return video(hand, render_id)


@pytest.mark.parametrize("how", HOW)
def test_what_is_damaged_before_the_join_is_made_again(hand: Stage, song: Path, how: str) -> None:
    expected = finished(hand, song)
    render_id = hand.accept(song)
    hand.everything(render_id)
    made = hand.device.lamp.pictures_made
    for name in KINDS:
        damage(hand, render_id, name, how)
    hand.stages = hand.another("1")
    assert hand.stages.finish(render_id)
    assert video(hand, render_id) == expected
    assert hand.device.lamp.pictures_made - made == 12  # two chunks, and no other
    render = hand.database.get(render_id)
    assert render
    assert (render.status, render.sound) == ("done", CHUNKS)
    # The notes of the sound came with the piece that was encoded again.
    assert len([text for _, text in hand.database.notes(render_id) if text.endswith("made again")]) == 3
    assert hand.left() == []


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", ["plan.json", "curve.npy", "curves.npz", "chunks/00000.mp4", "sound/00000.mp4"])
def test_what_is_damaged_meanwhile_is_made_again_by_whoever_goes_on(
    hand: Stage, song: Path, name: str, how: str
) -> None:
    expected = finished(hand, song)
    render_id = hand.accept(song)
    hand.plan(render_id)
    hand.stages.chunk(render_id, 0)
    kill_at(hand, "sound/00002.mp4")
    with pytest.raises(KilledError):
        hand.stages.sound(render_id)
    kept = hand.storage.get_bytes(f"renders/{render_id}/{name}")
    damage(hand, render_id, name, how)
    hand.stages = hand.another("1")
    hand.everything(render_id)  # all is begun again, as after a kill
    if how != "rotten" or not name.startswith("sound"):  # sound of the right size is read when all is joined
        assert hand.storage.get_bytes(f"renders/{render_id}/{name}") == kept
    assert hand.stages.finish(render_id)
    assert video(hand, render_id) == expected


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", ["video.mp4", "manifest.json"])
def test_a_marker_over_a_damaged_video_is_not_believed(hand: Stage, song: Path, name: str, how: str) -> None:
    expected = finished(hand, song)
    render_id = hand.accept(song)
    hand.everything(render_id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hand.stages, "forget", lambda _: (_ for _ in ()).throw(KilledError()))
        with pytest.raises(KilledError):
            hand.stages.finish(render_id)
    damage(hand, render_id, name, how)
    assert hand.another("1").finish(render_id)
    assert video(hand, render_id) == expected


@pytest.mark.parametrize("how", HOW)
def test_a_lost_song_fails_in_words_for_the_client(hand: Stage, song: Path, how: str) -> None:
    render_id = hand.accept(song)
    hand.database.expect(render_id, SONG, checksum_of_file(song))
    damage(hand, render_id, "audio.wav", how)
    with pytest.raises(RequestError, match="lost the song, or damaged it: submit it again") as caught:
        hand.plan(render_id)
    assert (caught.value.code, caught.value.field) == ("song_lost", "audio")
    assert "/" not in caught.value.message
    assert hand.left() == []


@pytest.mark.parametrize("how", HOW)
def test_notes_of_the_sound(hand: Stage, song: Path, how: str) -> None:
    render_id = hand.accept(song)
    hand.everything(render_id)
    damage(hand, render_id, "sound/notes.json", how)
    before = len(hand.storage.put)
    assert hand.another("1").finish(render_id)
    names = [key.rpartition("/")[2] for key in hand.storage.put[before:]]
    assert names == ["notes.json", "video.mp4", "manifest.json", "done"]


@pytest.mark.parametrize("how", HOW)
def test_the_track_of_a_chunks_flashes(hand: Stage, song: Path, how: str) -> None:
    render_id = hand.accept(song)
    assert hand.everything(render_id).flash
    made = hand.device.lamp.pictures_made
    damage(hand, render_id, "chunks/00001.flash", how)
    assert hand.another("1").finish(render_id)
    assert hand.device.lamp.pictures_made - made == 6  # one chunk


def test_chunks_do_without_the_song(hand: Stage, song: Path) -> None:
    expected = finished(hand, song)
    render_id = hand.accept(song)
    hand.everything(render_id)
    damage(hand, render_id, "audio.wav", "missing")
    damage(hand, render_id, "chunks/00002.mp4", "rotten")
    assert hand.another("1").finish(render_id)
    assert video(hand, render_id) == expected


def test_a_plan_that_comes_out_otherwise_begins_the_render_again(hand: Stage, song: Path) -> None:
    render_id = hand.accept(song)
    hand.everything(render_id)
    damage(hand, render_id, "plan.json", "rotten")
    hand.database.expect(render_id, "plan.json", Checksum(1, "0" * 64))  # as if libraries had changed
    with pytest.raises(RenderStoppedError):
        hand.another("1").finish(render_id)
    render = hand.database.get(render_id)
    assert render
    assert (render.status, render.attempt, render.chunks) == ("queued", 2, None)
    hand.stages = hand.another("1")
    hand.everything(render_id)
    assert hand.stages.finish(render_id)


def test_nobody_puts_a_thing_for_a_render_that_is_over(hand: Stage, song: Path) -> None:
    render_id = hand.accept(song)
    objects = RenderObjects(hand.database, hand.storage)
    with pytest.raises(RenderStoppedError):
        objects.put_bytes(render_id, "video.mp4", b"x", "another version")
    hand.database.cancel(render_id)
    with pytest.raises(RenderStoppedError):
        objects.put_bytes(render_id, "video.mp4", b"x", "1")
    assert hand.keys(render_id) == ["audio.wav"]


def test_what_was_put_before_checksums_is_read_and_not_called_sound(hand: Stage) -> None:
    render_id = accept(hand.database)
    hand.storage.put_bytes(f"renders/{render_id}/plan.json", b"{}")
    objects = RenderObjects(hand.database, hand.storage)
    assert objects.get_bytes(render_id, "plan.json") == b"{}"
    assert not objects.is_sound(render_id, "plan.json")
    with pytest.raises(DamagedError):
        objects.get_bytes(render_id, "plan.json", limit=1)
