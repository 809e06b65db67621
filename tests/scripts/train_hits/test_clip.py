"""Clips: what is labelled as struck is what is heard."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))  # the scripts are no package
from train_hits.clip import labels, make_clips
from train_hits.midi import write_midi
from train_hits.patterns import random_song
from train_hits.song import DRUM_CHANNEL, Note, Song
from train_hits.sound import render

from akma_core.audio.features.bands import BANDS, compressed
from akma_core.audio.features.drums import CLASSES
from akma_core.audio.features.onset import growth

HIT, NOTE = CLASSES.index("hit"), CLASSES.index("note")


def test_labels_name_the_drum_the_hit_and_the_note() -> None:
    strokes = ((0.1, DRUM_CHANNEL, 36), (0.2, DRUM_CHANNEL, 42), (0.3, 2, 60), (0.4, DRUM_CHANNEL, 75))
    made = labels(Song(tuple(Note(at, 0.1, channel, key, 90) for at, channel, key in strokes)), 60)
    struck = {frame: {CLASSES[k] for k in np.flatnonzero(made[frame] == 1)} for frame in (10, 20, 30, 40)}
    assert struck == {10: {"kick", "hit"}, 20: {"hat"}, 30: {"note"}, 40: set()}
    assert made[[9, 11], HIT].tolist() == [0.5, 0.5]
    assert not made[:8].any()


@pytest.mark.parametrize("seed", range(3))
def test_a_clip_sounds_where_it_is_labelled(seed: int) -> None:
    (clip,) = make_clips(1, 6.0, seed, [], [], own_kits=True)
    bands, labelled = clip.bands.astype(np.float32), clip.labels.astype(np.float32)
    assert bands.shape == (600, BANDS)
    grown = growth(compressed(bands)).mean(axis=1)
    struck = (labelled[:, [HIT, NOTE]] == 1).any(axis=1)
    near = (labelled > 0).any(axis=1)
    assert struck.any()
    assert grown[near].mean() > 1.5 * grown[~near].mean()


def test_a_clip_does_not_depend_on_how_many_are_made(tmp_path: Path) -> None:
    midi = tmp_path / "one.mid"
    midi.write_bytes(write_midi(random_song(np.random.default_rng(1), 8.0)))
    first, second = make_clips(2, 3.0, 5, [], [midi], own_kits=True)
    again = next(iter(make_clips(1, 3.0, 5, [], [midi], own_kits=True)))
    np.testing.assert_array_equal(first.bands, again.bands)
    assert second.labels.any()  # of the MIDI file


def test_random_songs_are_long_enough_and_leave_drums_out_when_asked() -> None:
    for seed in range(20):
        song = random_song(np.random.default_rng(seed), 20.0, drums=bool(seed % 2))
        keys = [note.key for note in song.notes]
        assert all(0 <= key < 128 for key in keys)
        assert seed % 2 or all(note.channel != DRUM_CHANNEL for note in song.notes)
        assert not song.notes or song.cut(5.0, 2.0).notes == () or song.cut(5.0, 2.0).notes[-1].time < 2.0


def test_a_missing_synthesiser_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    song = Song((Note(0.0, 0.1, 0, 60, 90),))
    with pytest.raises(ValueError, match="fluidsynth is not installed"):
        render(song, 1.0, np.random.default_rng(0), tmp_path / "font.sf2", own_kit=False)
