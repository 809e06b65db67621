"""Make the demo song: 8 seconds in A minor whose passages are quiet and loud by turns, all of it computed.

A calm opening (pad and bells), a drop (drums, bass, arpeggio), a sudden breakdown, a louder finale and its ring-out.
Nothing is sampled, so nothing needs a licence but this file's own.

    python scripts/make_song.py OUT.wav      writes stereo, 44.1 kHz, 16 bit; the same bytes every time
"""

import argparse
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal

Sound = NDArray[np.float64]  # [n] mono or [n, 2] stereo, full scale is 1

SEED = 5  # of every noise; each drum has its own offset from it
RATE = 44_100  # samples a second
BEAT = 60 / 120  # seconds; 120 beats a minute: a bar of four lasts 2 s
PEAK = 10 ** (-1 / 20)  # -1 dBFS, room for what a lossy encoder adds
KNEE = 0.5  # of the limiter, -6 dBFS: below it nothing is changed
SUBSONIC = 25.0  # Hz; what is below is cut at the end, DC too; well under the lowest bass note (F1, 43.7 Hz)
FADE_IN, FADE_OUT = 0.02, 0.6  # seconds, at the song's ends

REVERB_SECONDS = 1.5  # until the tail is at -60 dB: a hall, yet 20 dB down half a second into the breakdown
REVERB_DELAY = 0.02  # seconds before the first reflection, which keeps the attacks clear
REVERB_BAND = (250.0, 6000.0)  # Hz; a reverberating bass is mud, reverberating hiss is tin
DUCK = 0.65  # share of pad, bass and arpeggio that a kick pushes away
DUCK_SECONDS = 0.12  # until 1/e of the push is left; a fifth of a beat

# Chords are MIDI notes, 69 = 440 Hz; the first is the bass, some two octaves under the rest.
A_MINOR = (33, 57, 60, 64, 71)  # i, with the ninth
F_MAJOR = (29, 53, 57, 60, 64)  # VI, with the major seventh
C_MAJOR = (36, 55, 60, 64, 67)  # III
G_MAJOR = (31, 55, 59, 62, 69)  # VII, with the ninth
CHORD_BEATS = 2  # so that i-VI-III-VII takes two bars
CHORDS = (
    *(A_MINOR, F_MAJOR),  # opening
    *(C_MAJOR, G_MAJOR),  # drop
    F_MAJOR,  # breakdown
    *(C_MAJOR, G_MAJOR, A_MINOR),  # finale, which closes the loop on its last hit
)
LAST_HIT = CHORD_BEATS * (len(CHORDS) - 1)  # beat 14

# Beats; the drums of the two loud passages, and (beat, MIDI note) of the bells.
KICKS = (4, 5.5, 6, 7, 10, 11, 12, 13, 13.5, LAST_HIT)
SNARES = (5, 7, 7.5, 7.75, 11, 13, 13.75)
CRASHES = (4, 10, LAST_HIT)
FINALE = 10  # the beat from which all is louder
OPENING_BELLS = ((0, 76), (1, 81), (1.5, 83), (2, 84), (3, 81))
BREAKDOWN_BELL = ((8.5, 88),)
FINALE_BELLS = (
    *((10, 79), (10.5, 84), (11, 88), (11.5, 84), (12, 86), (12.5, 83), (13, 79), (13.5, 83)),
    *((14, 81), (14, 93)),  # the last hit
)
ARPEGGIO = (1, 2, 3, 4, 3, 2, 4, 3)  # indices into the chord, eight sixteenths to its two beats


class Section(NamedTuple):
    """A passage of the song: its name, start and stop in seconds, and whether it is one of the loud ones."""

    name: str
    start: float
    stop: float
    loud: bool


SECTIONS: tuple[Section, ...] = (
    Section("opening", 0 * BEAT, 4 * BEAT, loud=False),
    Section("drop", 4 * BEAT, 8 * BEAT, loud=True),
    Section("breakdown", 8 * BEAT, 10 * BEAT, loud=False),
    Section("finale", 10 * BEAT, 14.5 * BEAT, loud=True),  # with the last hit
    Section("ring-out", 14.5 * BEAT, 16 * BEAT, loud=False),
)
SAMPLES = round(SECTIONS[-1].stop * RATE)


def clock(seconds: float) -> Sound:
    """Times in seconds of the samples of a sound, from 0: float64[n]."""
    return np.arange(round(seconds * RATE)) / RATE


def hertz(note: float) -> float:
    """Frequency of a MIDI note in Hz."""
    return float(440 * 2 ** ((note - 69) / 12))


def tone(frequency: float, times: Sound, brightness: float | Sound) -> Sound:
    """Harmonics k whose amplitudes fall as `brightness ** k` (0 is a sine), at an RMS of 0.7: float64[n].

    The sum of the series in closed form; at 0.75 the harmonics above the 22nd, all that the highest note here
    could alias, are below -50 dB.
    """
    phase = 2 * np.pi * frequency * times
    shape = np.sqrt(1 - np.square(brightness)) * np.sin(phase)
    wave: Sound = shape / (1 - 2 * brightness * np.cos(phase) + np.square(brightness))
    return wave


def noise(seconds: float, low: float, high: float, offset: int) -> Sound:
    """White noise between `low` and `high` Hz at an RMS of 1: float64[n]."""
    white = np.random.default_rng(SEED + offset).standard_normal(round(seconds * RATE))
    band: Sound = signal.sosfilt(signal.butter(2, (low, high), "bandpass", fs=RATE, output="sos"), white)
    return band / math.sqrt(float(np.mean(np.square(band))))


def envelope(times: Sound, attack: float, decay: float, release: float = 0.02) -> Sound:
    """Gain: rises over `attack`, then falls by 1/e every `decay` and is let go over `release` seconds: float64[n]."""
    rise = np.minimum(times / attack, 1)
    end: Sound = np.clip((times[-1] - times) / release, 0, 1)
    return rise * np.exp(-np.maximum(times - attack, 0) / decay) * end


def kick() -> Sound:
    """A sine that falls from 220 to 50 Hz, with a click: float64[n], peak about 1."""
    times = clock(0.4)
    phase = 2 * np.pi * (50 * times + 170 * 0.025 * (1 - np.exp(-times / 0.025)))  # integral of the falling pitch
    click = noise(0.4, 1500, 6000, 0) * envelope(times, 0.0005, 0.003)
    return np.sin(phase) * envelope(times, 0.001, 0.14, 0.1) + 0.15 * click


def snare() -> Sound:
    """A short band of noise over a drum skin at 190 Hz: float64[n], peak about 1."""
    times = clock(0.3)
    wires = noise(0.3, 1200, 9000, 1) * envelope(times, 0.001, 0.07)
    return 0.35 * wires + 0.5 * np.sin(2 * np.pi * 190 * times) * envelope(times, 0.001, 0.06)


def hat() -> Sound:
    """A closed hi-hat: float64[n], peak about 1."""
    return 0.35 * noise(0.12, 7000, 15000, 2) * envelope(clock(0.12), 0.001, 0.025)


def crash() -> Sound:
    """A crash cymbal: float64[n], peak about 1."""
    return 0.3 * noise(1.8, 3000, 14000, 3) * envelope(clock(1.8), 0.002, 0.4, 0.3)


def swell() -> Sound:
    """A cymbal played backwards, one beat long, that stops where the hit comes: float64[n], peak about 1."""
    times = clock(BEAT)
    return (0.3 * noise(BEAT, 2000, 12000, 4) * envelope(times, 0.005, BEAT / 5))[::-1]


def bass(note: int, seconds: float) -> Sound:
    """A plucked bass, bright at first: float64[n], peak about 1."""
    times = clock(seconds)
    return 0.8 * tone(hertz(note), times, 0.3 + 0.4 * np.exp(-times / 0.15)) * envelope(times, 0.005, 1.2, 0.04)


def pluck(note: int, seconds: float) -> Sound:
    """A note of the arpeggio: float64[n], peak about 1."""
    times = clock(seconds)
    return 0.7 * tone(hertz(note), times, 0.75 * np.exp(-times / 0.25)) * envelope(times, 0.003, 0.2)


def bell(note: int) -> Sound:
    """A glockenspiel bar, with the partials of a free bar: float64[n], peak about 1."""
    times = clock(2.0)
    partials = ((1.0, 0.7, 0.6), (2.76, 0.2, 0.25), (5.4, 0.08, 0.1))  # (ratio, amplitude, decay in seconds)
    bars = [
        amplitude * np.sin(2 * np.pi * ratio * hertz(note) * times) * envelope(times, 0.002, decay, 0.3)
        for ratio, amplitude, decay in partials
    ]
    ringing: Sound = np.sum(bars, axis=0)
    return ringing


def pad(notes: Iterable[int], seconds: float, brightness: float, release: float) -> Sound:
    """A held chord, half of it detuned the other way in each ear, which makes it wide: float64[n, 2], RMS 1 a note."""
    times = clock(seconds)
    gain = envelope(times, 0.15, 10.0, release)
    detunes = ((0.0, -0.07), (0.0, 0.07))  # semitones of the two voices, by channel; they beat about once a second
    channels = [
        np.sum([tone(hertz(note + detune), times, brightness) for note in notes for detune in voices], axis=0)
        for voices in detunes
    ]
    return np.stack(channels, axis=1) * gain[:, None]


def place(track: Sound, sound: Sound, beat: float, gain: float, pan: float = 0.0) -> None:
    """Add `sound` to `track` (float64[n, 2]) at `beat`; `pan` of a mono sound is -1 (left) to 1, at constant power."""
    if sound.ndim == 1:
        angle = (pan + 1) * np.pi / 4
        sound = sound[:, None] * np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])
    start = round(beat * BEAT * RATE)
    room = track[start : start + len(sound)]
    room += gain * sound[: len(room)]


def reverb(track: Sound) -> Sound:
    """The hall alone, without the dry sound: decaying noise, another for each ear, convolved with it: float64[n, 2]."""
    times = clock(REVERB_SECONDS)
    decay = 10 ** (-3 * times / REVERB_SECONDS)  # 60 dB
    hall = np.stack([noise(REVERB_SECONDS, *REVERB_BAND, offset) * decay for offset in (10, 11)], axis=1)
    hall /= np.sqrt(np.sum(np.square(hall), axis=0))
    delay = round(REVERB_DELAY * RATE)
    wet: Sound = np.zeros_like(track)
    wet[delay:] = signal.fftconvolve(track, hall, axes=0)[: len(track) - delay]
    return wet


def ducking() -> Sound:
    """Gain of what makes way for the kicks, which come back smoothly: float64[SAMPLES, 1]."""
    gain = np.ones(SAMPLES)
    times = clock(2 * BEAT)
    dip = 1 - DUCK * envelope(times, 0.004, DUCK_SECONDS)
    for beat in KICKS:
        room = gain[round(beat * BEAT * RATE) :][: len(dip)]
        np.minimum(room, dip[: len(room)], out=room)
    return gain[:, None]


def is_loud(beat: float) -> bool:
    """True where a loud passage plays at `beat`."""
    return any(section.loud for section in SECTIONS if section.start <= beat * BEAT < section.stop)


def play_drums() -> Sound:
    """Kicks, snares, hats and cymbals: float64[SAMPLES, 2]."""
    track = np.zeros((SAMPLES, 2))
    for beat in KICKS:
        place(track, kick(), beat, 0.65 if beat < FINALE else 0.95)
    for beat in SNARES:
        place(track, snare(), beat, 0.42 if beat < FINALE else 0.6, 0.1)
    for half in range(2 * LAST_HIT):
        if is_loud(half / 2):
            place(track, hat(), half / 2, 0.3 if half % 2 else 0.2, -0.3)
    for beat in CRASHES:
        place(track, crash(), beat, 0.32, 0.3)
        if beat != LAST_HIT:
            place(track, swell(), beat - 1, 0.12)
    return track


def play_pads() -> Sound:
    """The chords, opened up where it is loud: float64[SAMPLES, 2]."""
    track = np.zeros((SAMPLES, 2))
    for index, (_, *notes) in enumerate(CHORDS):
        beat = index * CHORD_BEATS
        brightness, gain = (0.6, 0.05) if is_loud(beat) else (0.25, 0.013)
        release = 2 * BEAT if beat == LAST_HIT else 0.15
        held = pad(notes, CHORD_BEATS * BEAT + release / 2, brightness, release)
        place(track, held, beat, gain * (1.15 if beat >= FINALE else 1))
    return track


def play_bass() -> Sound:
    """Eighths on the root under the loud passages, and one long last note: float64[SAMPLES, 2]."""
    track = np.zeros((SAMPLES, 2))
    for index, (root, *_) in enumerate(CHORDS[:-1]):
        for eighth in range(2 * CHORD_BEATS):
            beat = index * CHORD_BEATS + eighth / 2
            if is_loud(beat):
                place(track, bass(root + (12 if eighth == 3 else 0), 0.45 * BEAT), beat, 0.3 if beat < FINALE else 0.4)
    place(track, bass(CHORDS[-1][0], 1.2 * BEAT), LAST_HIT, 0.4)
    return track


def play_arpeggio() -> Sound:
    """Sixteenths over the loud passages, from side to side: float64[SAMPLES, 2]."""
    track = np.zeros((SAMPLES, 2))
    for index, chord in enumerate(CHORDS[:-1]):
        for step, degree in enumerate(ARPEGGIO):
            beat = index * CHORD_BEATS + step / 4
            if is_loud(beat):
                place(track, pluck(chord[degree] + 12, 0.4), beat, 0.16 if beat < FINALE else 0.22, (-1) ** step * 0.5)
    return track


def play_bells() -> Sound:
    """The melody: float64[SAMPLES, 2]."""
    track = np.zeros((SAMPLES, 2))
    for bells, gain in ((OPENING_BELLS, 0.08), (BREAKDOWN_BELL, 0.06), (FINALE_BELLS, 0.2)):
        for index, (beat, note) in enumerate(bells):
            place(track, bell(note), beat, gain, (-1) ** index * 0.3)
    return track


def limit(track: Sound) -> Sound:
    """Soft limiter: the identity up to KNEE, then a tanh that never passes 1: the shape of `track`."""
    size = np.abs(track)
    bent = KNEE + (1 - KNEE) * np.tanh((size - KNEE) / (1 - KNEE))
    return np.sign(track) * np.where(size > KNEE, bent, size)


def finish(track: Sound) -> Sound:
    """Limit, take DC out, fade the ends and bring the peak to PEAK: float64[n, 2] for float64[n, 2]."""
    highpass = signal.butter(2, SUBSONIC, "highpass", fs=RATE, output="sos")
    track = signal.sosfiltfilt(highpass, limit(track), axis=0)
    times = np.arange(len(track)) / RATE
    fade = np.clip(np.minimum(times / FADE_IN, (times[-1] - times) / FADE_OUT), 0, 1)
    track = track * (np.sin(fade * np.pi / 2) ** 2)[:, None]
    finished: Sound = track * (PEAK / np.max(np.abs(track)))
    return finished


def make() -> NDArray[np.float64]:
    """The song at RATE: float64[n, 2], left and right, peak at PEAK; the same samples on every call."""
    drums, bells = play_drums(), play_bells()
    gain = ducking()
    bass_line, pads, arpeggio = gain * play_bass(), gain * play_pads(), gain * play_arpeggio()
    wet = reverb(0.15 * drums + 0.35 * pads + 0.5 * arpeggio + 0.7 * bells)
    return finish(drums + bass_line + pads + arpeggio + bells + wet)


def main() -> None:
    """Write the song, and print where its passages are and how loud they came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, metavar="OUT.wav", help="the file to write")
    path: Path = parser.parse_args().out
    song = make()
    soundfile.write(path, song, RATE, subtype="PCM_16", format="WAV")
    for section in SECTIONS:
        passage = song[round(section.start * RATE) : round(section.stop * RATE)]
        level = 10 * math.log10(float(np.mean(np.square(passage))))
        print(f"{section.start:6.3f}-{section.stop:6.3f} s  {section.name:<10} {level:6.1f} dB RMS")


if __name__ == "__main__":
    main()
