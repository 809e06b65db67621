"""Reads and writes standard MIDI files, as far as training needs them: notes, programs, controllers, bends."""

import struct
from collections.abc import Iterator
from itertools import pairwise

from .song import Change, Note, Song

TICKS = 480  # a quarter, in files written here; at 120 quarters a minute
TICKS_PER_SECOND = TICKS * 2
LONGEST = 30.0  # s of a note that is never let go
ONE_BYTE = (0xC0, 0xD0)  # messages with one byte of data
META, TEMPO, SYSEX = 0xFF, 0x51, (0xF0, 0xF7)
NOTE_OFF, NOTE_ON = 0x80, 0x90
Event = tuple[int, bytes]  # tick, message


def read_midi(data: bytes) -> Song:
    """The song in a standard MIDI file. ValueError where it is none, or counts time in film frames."""
    try:
        return _song(data)
    except (IndexError, struct.error):
        raise ValueError("the MIDI file is cut off") from None


def _song(data: bytes) -> Song:
    if data[:4] != b"MThd":
        raise ValueError("not a MIDI file: it must begin with MThd")
    length, _, _, division = struct.unpack(">IHHH", data[4:14])
    if division & 0x8000:
        raise ValueError("the MIDI file counts film frames: save it with ticks a quarter")
    at, events = 8 + length, list[Event]()
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], struct.unpack(">I", data[at + 4 : at + 8])[0]
        if kind == b"MTrk":
            events += _track(data[at + 8 : at + 8 + size])
        at += 8 + size
    return _timed(sorted(events, key=lambda event: event[0]), division)


def _track(data: bytes) -> Iterator[Event]:
    """Messages of a track; a status that is left out is the last one."""
    at = tick = status = 0
    while at < len(data):
        wait, at = _number(data, at)
        tick += wait
        if data[at] & 0x80:
            status = data[at]
            at += 1
        if status == META or status in SYSEX:
            kind = bytes([META, data[at]]) if status == META else b""
            size, at = _number(data, at + (status == META))
            if kind:
                yield tick, kind + data[at : at + size]
        else:
            size = 1 if status & 0xF0 in ONE_BYTE else 2
            yield tick, bytes([status]) + data[at : at + size]
        at += size


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number in seven bits a byte, and where it ends."""
    value = data[at] & 0x7F
    while data[at] & 0x80:
        at += 1
        value = value << 7 | data[at] & 0x7F
    return value, at + 1


def _timed(events: list[Event], division: int) -> Song:
    """Notes and changes at their seconds."""
    notes, changes = list[Note](), list[Change]()
    held: dict[tuple[int, int], tuple[float, int]] = {}
    seconds, per_tick, last = 0.0, 0.5 / division, 0
    for tick, message in events:
        seconds += (tick - last) * per_tick
        last = tick
        if message[0] == META:
            if message[1] == TEMPO:
                per_tick = int.from_bytes(message[2:5]) / 1e6 / division
            continue
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind not in (NOTE_ON, NOTE_OFF):
            changes.append(Change(seconds, message))
            continue
        began, velocity = held.pop((channel, message[1]), (0.0, 0))
        if velocity:
            notes.append(Note(began, min(LONGEST, seconds - began), channel, message[1], velocity))
        if kind == NOTE_ON and message[2]:
            held[channel, message[1]] = seconds, message[2]
    notes += [Note(began, LONGEST, channel, key, velocity) for (channel, key), (began, velocity) in held.items()]
    return Song(tuple(sorted(notes, key=lambda note: note.time)), tuple(changes))


def write_midi(song: Song) -> bytes:
    """A standard MIDI file of one track that sounds as the song."""
    events: list[Event] = [(round(each.time * TICKS_PER_SECOND), each.message) for each in song.changes]
    for note in song.notes:
        on, off = (round(time * TICKS_PER_SECOND) for time in (note.time, note.time + note.length))
        events.append((on, bytes([NOTE_ON | note.channel, note.key, note.velocity])))
        events.append((max(off, on + 1), bytes([NOTE_OFF | note.channel, note.key, 0])))
    # At one tick changes come first, and keys are let go before they are struck again.
    events.sort(key=lambda event: (event[0], event[1][0] & 0xF0 == NOTE_ON, event[1][0] & 0xF0 == NOTE_OFF))
    ticks = [0, *(tick for tick, _ in events)]
    waits = (_as_number(after - before) for before, after in pairwise(ticks))
    body = b"".join(wait + message for wait, (_, message) in zip(waits, events, strict=True))
    track = body + bytes([0, META, 0x2F, 0])
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS) + b"MTrk" + struct.pack(">I", len(track)) + track


def _as_number(value: int) -> bytes:
    """The number in seven bits a byte, the highest first."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))
