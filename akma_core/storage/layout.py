"""Keys of a render's files: see the package."""


def chunk_key(render_id: str, index: int) -> str:
    """Key of a chunk's segment."""
    return f"renders/{render_id}/chunks/{index:05d}.mp4"


def sound_key(render_id: str, index: int) -> str:
    """Key of the sound of a chunk."""
    return f"renders/{render_id}/sound/{index:05d}.mp4"
