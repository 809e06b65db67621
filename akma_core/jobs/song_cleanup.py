"""Clean-up of songs: those that nobody asked for go after some days, their bytes once nobody needs them."""

from datetime import UTC, datetime, timedelta

from akma_core.database import Database
from akma_core.log import event
from akma_core.storage import Storage
from akma_core.storage.layout import SEEDS, SONG_ID, SONGS

DAY = 86400.0  # seconds
SEED_DAYS = 30.0  # that a picture of a seed is kept; it is made again in a moment


def clear_song(database: Database, storage: Storage, song_id: str) -> bool:
    """Remove the bytes of a song, and what was found in it, unless somebody has it or a render is of it."""
    return database.drop_song(song_id, lambda: storage.delete_prefix(f"{SONGS}{song_id}/"))


def delete_expired_songs(database: Database, storage: Storage, now: float, days: float) -> int:
    """Take songs that nobody asked for in so many days off their owners' lists; how many went."""
    expired = database.expired_songs(now - days * DAY)
    for song in expired:
        database.forget_song(song.id, song.owner)
        event("song_expired", song=song.id, owner=song.owner, bytes=song.bytes)
    for song_id in {song.id for song in expired}:
        clear_song(database, storage, song_id)
    return len(expired)


def delete_unowned(database: Database, storage: Storage, now: float, older_than: float = DAY) -> list[str]:
    """Remove what is left of songs that nobody has, and old pictures of seeds; the prefixes and keys that went."""
    moment, gone = datetime.fromtimestamp(now, UTC), []
    newest: dict[str, datetime] = {}
    for entry in storage.list(SONGS):
        song_id = entry.key.removeprefix(SONGS).partition("/")[0]
        if SONG_ID.fullmatch(song_id):
            newest[song_id] = max(entry.modified, newest.get(song_id, entry.modified))
    for song_id, modified in newest.items():
        if moment - modified > timedelta(seconds=older_than) and clear_song(database, storage, song_id):
            gone.append(f"{SONGS}{song_id}/")
    for entry in storage.list(SEEDS):
        if moment - entry.modified > timedelta(days=SEED_DAYS):
            storage.delete(entry.key)
            gone.append(entry.key)
    return gone
