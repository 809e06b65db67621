import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from akma_core.errors import FailureError, RequestError
from akma_core.media.audio_segments import AudioSegments, encode, segment_format
from akma_core.media.mux import AudioTrack, finish
from akma_core.networks.card import NetworkCard
from akma_core.render.plan import RenderPlan
from akma_core.render.plan_base import DevicePart
from akma_core.render.planner import make_plan
from akma_core.settings import RenderSettings
from tests.support.media import Song, decode_audio, moving, write_segment
from tests.support.songs import reader

CARD = NetworkCard(name="net", kind="stylegan3", config={}, width=64, height=64, weights_sha256="a" * 64)
CPU = DevicePart(kind="cpu", dtype="float32", batch=1)
LOUD = Song(noise=0.3, samples=48000 * 6)


def plan_of(song: Song, **fields: Any) -> RenderPlan:
    settings = RenderSettings.parse({"fps": 12, **fields})
    return make_plan(settings, reader(song.samples / song.rate, song.rate, song.channels), "5" * 64, CARD, CPU)


def track_of(song: Song, plan: RenderPlan) -> AudioTrack:
    return AudioTrack(song, plan.first_sample, plan.last_sample, plan.audio.codec)


def cut(folder: Path, song: Song, plan: RenderPlan) -> list[Path]:
    folder.mkdir(exist_ok=True)
    made = list(encode(track_of(song, plan), plan.chunk_ends, lambda k: folder / f"{k}.m4a"))
    assert made == list(range(plan.chunk_count))
    assert len(list(folder.iterdir())) == len(made)
    return [folder / f"{k}.m4a" for k in made]


def pictures(folder: Path, plan: RenderPlan) -> list[Path]:
    folder.mkdir(exist_ok=True)
    return [
        write_segment(folder / f"{chunk.index}.mp4", plan.make_encoder(), moving(chunk.frames, seed=chunk.index))
        for chunk in plan.chunks()
    ]


def starts(piece: Path) -> list[Fraction]:
    """When its packets begin, in seconds."""
    with av.open(str(piece)) as source:
        if not source.streams.audio:
            return []
        return [(packet.pts or 0) * packet.time_base for packet in source.demux(audio=0) if packet.size]


@pytest.mark.parametrize(
    ("codec", "suffixes"),
    [("aac", (".mp4", ".mov", ".mkv")), ("alac", (".mp4", ".mov", ".mkv")), ("flac", (".mp4", ".mkv"))],
)
def test_a_video_of_pieces_is_that_of_the_song(tmp_path: Path, codec: str, suffixes: tuple[str, ...]) -> None:
    for suffix in suffixes:
        same_video(tmp_path, LOUD, suffix, audio_codec=codec)


@pytest.mark.parametrize(
    ("song", "fields"),
    [
        (replace(LOUD, bits=24), {"audio_codec": "flac", "fps": "29.97", "start": 1.3, "duration": 3.1}),
        (replace(LOUD, bits=24, channels=6), {"audio_codec": "alac", "start": 0.7}),
        (replace(LOUD, channels=1), {"fps": "29.97", "start": 2, "duration": 2.5}),
        (Song(44100, 44100 * 4 + 7, 1, noise=0.3), {"audio_codec": "flac"}),
        (Song(44100, 44100 * 4 + 7, 2, noise=0.3), {"fps": "24000/1001"}),
        (Song(96000, 96000 * 4, 2, 24, noise=0.3), {"start": 0.5}),
        (Song(96000, 96000 * 4, 2, 24, noise=0.3), {"audio_codec": "alac", "start": 0.5}),
        (Song(37000, 37000 * 4, 3, noise=0.3), {"fps": "29.97"}),
        (Song(8000, 8000 * 4, 8, noise=0.3), {}),
        (Song(1000, 10_000, 2, noise=0.3), {"audio_codec": "alac"}),  # packets longer than chunks
        (Song(48000, 500, noise=0.3), {}),
    ],
)
def test_whatever_the_song(tmp_path: Path, song: Song, fields: dict[str, Any]) -> None:
    same_video(tmp_path, song, ".mp4", **fields)


def same_video(folder: Path, song: Song, suffix: str, **fields: Any) -> None:
    plan = plan_of(song, **fields)
    segments, whole, joined = pictures(folder / "v", plan), folder / f"whole{suffix}", folder / f"joined{suffix}"
    finish(segments, plan.make_encoder(), track_of(song, plan), whole)
    finish(segments, plan.make_encoder(), AudioSegments(cut(folder / "a", song, plan)), joined)
    assert joined.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("codec", ["aac", "alac", "flac"])
def test_packets_are_in_the_piece_of_their_time(tmp_path: Path, codec: str) -> None:
    plan = plan_of(LOUD, audio_codec=codec, start=0.5, fps="29.97")
    pieces = cut(tmp_path, LOUD, plan)
    times = [starts(piece) for piece in pieces]
    assert times[0][0] == (Fraction(-1024, 48000) if codec == "aac" else 0)
    for chunk, inside in zip(list(plan.chunks())[1:], times[1:], strict=True):
        first = (chunk.start - plan.first_frame) / plan.fps
        assert first <= inside[0] < first + Fraction(4608, 48000)
        assert inside[-1] < first + chunk.frames / plan.fps
    steps = {after - before for before, after in pairwise(chain(*times))}
    assert len(steps) == 1
    with av.open(str(pieces[1])) as source:  # by itself, in a player
        (first_frame,) = list(source.decode(audio=0))[:1]
        assert first_frame.pts == times[1][0] * 48000


def test_a_packet_on_a_border_is_in_the_later_piece(tmp_path: Path) -> None:
    song = Song(4096, 4096 * 5, noise=0.3)  # ALAC's packets are 4096 samples
    pieces = cut(tmp_path, song, plan_of(song, audio_codec="alac"))
    assert [starts(piece) for piece in pieces] == [[0], [1, 2], [3, 4]]


def test_a_chunk_without_a_packet_has_an_empty_piece(tmp_path: Path) -> None:
    song = Song(1000, 10_000, noise=0.3)
    pieces = cut(tmp_path, song, plan_of(song, audio_codec="alac"))
    assert [len(starts(piece)) for piece in pieces] == [1, 0, 1, 1]
    assert segment_format(pieces[1]) is None


@dataclass(frozen=True)
class Heard(Song):
    """Remembers how far it was read."""

    read: list[int] = field(default_factory=list)

    def blocks(
        self, start: int = 0, stop: int | None = None, frames: int = 65536, dtype: Any = "float32"
    ) -> Iterator[np.ndarray[Any, Any]]:
        for at, block in enumerate(super().blocks(start, stop, frames, dtype)):
            self.read.append(start + at * frames)
            yield block


@pytest.mark.parametrize("codec", ["aac", "alac", "flac"])
def test_the_first_piece_is_there_at_once(tmp_path: Path, codec: str) -> None:
    song = Heard(48000, 48000 * 600, noise=0.1)
    plan = plan_of(song, audio_codec=codec)
    work = encode(track_of(song, plan), plan.chunk_ends, lambda k: tmp_path / f"{k}")
    assert next(work) == 0
    assert song.read[-1] < 2 * 65536
    assert [path.name for path in tmp_path.iterdir()] == ["0"]
    work.close()  # type: ignore[attr-defined]


def test_only_what_is_missing_is_written(tmp_path: Path) -> None:
    song = Heard(48000, 48000 * 20, noise=0.1)
    plan = plan_of(song)
    before = [path.read_bytes() for path in cut(tmp_path / "a", song, plan)]
    again = tmp_path / "b"
    again.mkdir()
    song.read.clear()
    made = encode(track_of(song, plan), plan.chunk_ends, lambda k: again / f"{k}", lambda k: k not in (1, 2))
    assert list(made) == [1, 2]
    assert [path.read_bytes() for path in sorted(again.iterdir())] == before[1:3]
    assert song.read[-1] < 48000 * 9  # chunk 2 ends at second 7
    song.read.clear()
    assert list(encode(track_of(song, plan), plan.chunk_ends, lambda k: again / f"{k}", lambda _: True)) == []
    assert song.read == []


def test_a_song_that_fails_leaves_whole_pieces(tmp_path: Path) -> None:
    class Failing(Song):
        def blocks(
            self, start: int = 0, stop: int | None = None, frames: int = 65536, dtype: Any = "float32"
        ) -> Iterator[np.ndarray[Any, Any]]:
            yield from super().blocks(start, min(stop or 0, 48000 * 2), frames, dtype)
            raise RequestError("damaged")

    song = Failing(samples=48000 * 6, noise=0.1)
    plan = plan_of(song)
    made: list[int] = []
    with pytest.raises(RequestError, match="damaged"):
        made.extend(encode(track_of(song, plan), plan.chunk_ends, lambda k: tmp_path / f"{k}"))
    assert [path.name for path in tmp_path.iterdir()] == ["0"]
    assert starts(tmp_path / "0")[-1] < 1


def test_a_missing_folder_is_a_failure(tmp_path: Path) -> None:
    plan = plan_of(LOUD)
    with pytest.raises(FailureError) as caught:
        next(encode(track_of(LOUD, plan), plan.chunk_ends, lambda k: tmp_path / "none" / f"{k}"))
    assert caught.value.code == "write_failed"


FULL = """
import resource, sys
from pathlib import Path
from akma_core.errors import FailureError
from akma_core.media.audio_segments import encode
from tests.media.test_audio_segments import LOUD, plan_of, track_of
plan = plan_of(LOUD)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    print(*encode(track_of(LOUD, plan), plan.chunk_ends, lambda k: Path(sys.argv[1]) / f"{k}"))
except FailureError as error:
    print(error.code)
"""

MEMORY = """
import resource, sys
from pathlib import Path
from akma_core.media.audio_segments import encode
from tests.support.media import Song
from tests.media.test_audio_segments import plan_of, track_of
song = Song(8000, 8000 * int(sys.argv[2]), 1)
plan = plan_of(song)
for index in encode(track_of(song, plan), plan.chunk_ends, lambda k: Path(sys.argv[1]) / f"{k}"):
    (Path(sys.argv[1]) / f"{index}").unlink()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def python(code: str, *arguments: object) -> str:
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout


def test_a_full_disk(tmp_path: Path) -> None:
    assert python(FULL, tmp_path, 20_000) == "disk_full\n"
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_song(tmp_path: Path) -> None:
    short, long = (int(python(MEMORY, tmp_path, seconds)) for seconds in (60, 900))
    assert long - short < 5000  # KiB


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_broken_pieces_are_named(tmp_path: Path, damage: str) -> None:
    plan = plan_of(LOUD)
    pieces = cut(tmp_path, LOUD, plan)
    if damage == "gone":
        pieces[1].unlink()
    else:
        pieces[1].write_bytes(pieces[1].read_bytes()[:1000])
    assert refusal(tmp_path, pieces, plan) == ("segment_broken", pieces[1])


def test_pieces_of_another_song_are_refused(tmp_path: Path) -> None:
    plan = plan_of(LOUD)
    first, second, third = cut(tmp_path / "a", LOUD, plan)
    assert refusal(tmp_path, [first, third, second], plan) == ("segments_differ", third)
    mono = replace(LOUD, channels=1)
    other = cut(tmp_path / "b", mono, plan_of(mono))
    assert refusal(tmp_path, [first, other[1], third], plan) == ("segments_differ", other[1])


def refusal(folder: Path, pieces: Sequence[Path], plan: RenderPlan) -> tuple[str, Path]:
    """Code of the failure, and the piece that it names."""
    output = folder / "out.mp4"
    with pytest.raises(FailureError) as caught:
        finish(pictures(folder / "v", plan), plan.make_encoder(), AudioSegments(pieces), output)
    assert not output.exists()
    return caught.value.code, next(piece for piece in pieces if f"{piece} " in f"{caught.value} ".replace(":", " "))


def test_lossless_pieces_are_lossless(tmp_path: Path) -> None:
    song = Song(48000, 150_001, bits=24, noise=0.9)
    plan = plan_of(song, audio_codec="flac", start=0.5)
    output = tmp_path / "out.mp4"
    finish(pictures(tmp_path / "v", plan), plan.make_encoder(), AudioSegments(cut(tmp_path / "a", song, plan)), output)
    sent = np.concatenate(list(song.blocks(plan.first_sample, None, 65536, "int32")))
    assert np.array_equal(decode_audio(output, "s32"), sent)
