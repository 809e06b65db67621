"""MIDI files: what is written is read again, and files of others are read as they say."""

import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))  # the scripts are no package
from train_hits.midi import TICKS_PER_SECOND, read_midi, write_midi
from train_hits.song import Change, Note, Song


def file_of(track: bytes, division: int = 96) -> bytes:
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, division)
    return head + b"MTrk" + struct.pack(">I", len(track)) + track


def in_ticks(song: Song) -> list[tuple[int, ...]]:
    def ticks(seconds: float) -> int:
        return round(seconds * TICKS_PER_SECOND)

    return sorted((ticks(n.time), ticks(n.length), n.channel, n.key, n.velocity) for n in song.notes)


@given(st.sets(st.tuples(st.integers(0, 5000), st.integers(0, 15), st.integers(0, 127)), max_size=40), st.data())
def test_notes_that_are_written_are_read(strokes: set[tuple[int, int, int]], data: st.DataObject) -> None:
    tick = 1 / TICKS_PER_SECOND
    song = Song(
        tuple(Note(at * tick, tick, channel, key, data.draw(st.integers(1, 127))) for at, channel, key in strokes)
    )
    assert in_ticks(read_midi(write_midi(song))) == in_ticks(song)


def test_changes_come_before_notes_of_their_tick() -> None:
    song = Song((Note(0.5, 0.25, 3, 60, 100),), (Change(0.5, bytes([0xC3, 17])),))
    written = write_midi(song)
    assert written.index(bytes([0xC3, 17])) < written.index(bytes([0x93, 60, 100]))
    assert read_midi(written).changes == song.changes


def test_a_tempo_counts_from_its_place_on_and_a_status_is_kept() -> None:
    tempo = bytes([0, 0xFF, 0x51, 3]) + (1_000_000).to_bytes(3)  # a quarter lasts a second
    track = bytes([96, 0x99, 36, 100, 0, 42, 90]) + tempo + bytes([96, 0x99, 36, 80, 0, 0xFF, 0x2F, 0])
    notes = read_midi(file_of(track)).notes
    assert [(note.time, note.key, note.velocity) for note in notes] == [(0.5, 36, 100), (0.5, 42, 90), (1.5, 36, 80)]


def test_a_file_that_ends_within_a_message_is_an_error() -> None:
    with pytest.raises(ValueError, match="cut off"):
        read_midi(file_of(bytes([0x81])))


@pytest.mark.parametrize("data", [b"", b"RIFF", file_of(b"", 0xE250), b"MThd\0\0"])
def test_what_is_no_midi_file_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="MIDI"):
        read_midi(data)
