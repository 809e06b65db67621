"""Keys of the files of renders and songs: see the package."""

import re
from fractions import Fraction

SONGS = "songs/"
SEEDS = "seeds/"
SONG_ID = re.compile("[0-9a-f]{64}")
PLAN, CURVE, COLUMNS, SOUND_NOTES = "plan.json", "curve.npy", "curves.npz", "sound/notes.json"
VIDEO, MANIFEST, DONE = "video.mp4", "manifest.json", "done"


def render_key(render_id: str, name: str) -> str:
    """Key of one of a render's objects."""
    return f"renders/{render_id}/{name}"


def chunk_name(index: int) -> str:
    """Name of a chunk's segment."""
    return f"chunks/{index:05d}.mp4"


def flash_name(index: int) -> str:
    """Name of the track of a chunk's flashes."""
    return f"chunks/{index:05d}.flash"


def sound_name(index: int) -> str:
    """Name of the sound of a chunk."""
    return f"sound/{index:05d}.mp4"


def song_key(song_id: str, suffix: str) -> str:
    """Key of an uploaded song; `suffix` has its dot, or is empty."""
    return f"{SONGS}{song_id}/audio{suffix}"


def peaks_key(song_id: str) -> str:
    """Key of a song's peaks."""
    return f"{SONGS}{song_id}/peaks.npy"


def loudness_key(song_id: str, channels: str, fps: Fraction) -> str:
    """Key of the loudness of a song's `channels` at so many frames a second."""
    return f"{SONGS}{song_id}/loudness-{channels}-{fps.numerator}-{fps.denominator}.npy"


def features_key(song_id: str, channels: str, version: str) -> str:
    """Key of the features of a song's `channels`, as the analysis `version` finds them."""
    return f"{SONGS}{song_id}/features-{channels}-{version}.npz"


def seed_key(digest: str, look: str, seed: int) -> str:
    """Key of the picture that a network makes of a seed; `look` says how."""
    return f"{SEEDS}{digest}/{look}/{seed}.jpg"
