"""Further songs of the kinds that people have: other codecs, containers, channels, places of the fault."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from akma_core.audio.reader import loudness, open_audio
from akma_core.errors import RequestError
from tests.support.odd_songs import ODD_SONGS


@pytest.mark.parametrize("name", ODD_SONGS)
def test_a_song_is_whole_or_has_a_note_or_is_refused(tmp_path: Path, name: str) -> None:
    odd = ODD_SONGS[name]
    path = odd.write(tmp_path, "song")
    if odd.refused:
        with pytest.raises(RequestError, match=odd.refused):
            open_audio(path)
        return
    reader = open_audio(path)
    blocks = list(reader.blocks())
    assert sum(map(len, blocks)) == reader.info.samples
    assert odd.samples - odd.less <= reader.info.samples <= odd.samples + odd.more
    said = " ".join(reader.notes)
    if odd.note:
        assert odd.note in said
    else:
        assert said == ""
    # No silence but what a note tells of.
    if not odd.note:
        heard = np.concatenate(blocks)
        middle = np.abs(heard[2000 : odd.samples - 4000]).max(axis=1)
        assert np.maximum.reduceat(middle, np.arange(0, len(middle) - 6000, 6000)).min() > 0.05
    curve = loudness(reader, Fraction(30))
    assert len(curve) > 5
    if odd.curve_note:
        assert odd.curve_note in " ".join(reader.notes)
