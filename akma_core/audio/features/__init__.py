"""Features of a song: levels, onsets, drums, hits, beats, chroma and sections."""
