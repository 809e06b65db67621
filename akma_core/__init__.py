"""AKMA, Audio Kinetic Media Art: a song becomes a video whose motion is the song's loudness."""

__version__ = "0.1.0"
