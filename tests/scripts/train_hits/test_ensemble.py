"""Random music without drums: every note is one that its instrument can begin, and the families are those asked for."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))  # the scripts are no package
from train_hits.clip import make_clips
from train_hits.ensemble import FAMILIES, random_ensemble
from train_hits.song import DRUM_CHANNEL

from akma_core.audio.features.drums import CLASSES

PROGRAM = 0xC0


@pytest.mark.parametrize("seed", range(12))
def test_notes_are_in_order_and_never_struck_while_they_sound(seed: int) -> None:
    song = random_ensemble(np.random.default_rng(seed), 20.0)
    times = [note.time for note in song.notes]
    assert times == sorted(times)
    ends: dict[tuple[int, int], float] = {}
    for note in song.notes:
        assert note.channel != DRUM_CHANNEL
        assert 20 <= note.key < 108
        assert 1 <= note.velocity <= 127
        assert note.length > 0
        assert note.time >= ends.get((note.channel, note.key), 0.0)
        ends[note.channel, note.key] = note.time + note.length


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_plays_its_own_programs(family: str) -> None:
    song = random_ensemble(np.random.default_rng(4), 10.0, [family])
    programs = {change.message[1] for change in song.changes if change.message[0] & 0xF0 == PROGRAM}
    assert programs
    assert programs <= set(FAMILIES[family][0])


def test_the_same_seed_is_the_same_music() -> None:
    one, other = (random_ensemble(np.random.default_rng(7), 10.0) for _ in range(2))
    assert one == other
    assert one != random_ensemble(np.random.default_rng(8), 10.0)


def test_clips_of_ensembles_have_notes_and_no_drums() -> None:
    clips = list(make_clips(3, 6.0, 1, [], [], own_kits=True, ensembles=["strings"]))
    labels = np.concatenate([clip.labels for clip in clips])
    assert labels[:, CLASSES.index("note")].any()
    assert not np.delete(labels, CLASSES.index("note"), axis=1).any()
