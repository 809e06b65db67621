"""Checksums come before objects, and go with their render."""

from akma_core.database import SONG, Checksum, Database
from tests.support.rows import accept


def test_checksums_go_with_the_render_and_the_song_stays_when_it_begins_again(database: Database) -> None:
    render_id = accept(database)
    some = Checksum(3, "a" * 64)
    assert database.expect(render_id, SONG, some)
    assert database.expect(render_id, "plan.json", some, "")
    assert database.reassign(render_id, "", "1")
    assert database.expected(render_id) == {SONG: some}
    other = Checksum(4, "b" * 64)
    assert database.expect(render_id, SONG, other)
    assert database.expected(render_id) == {SONG: other}
    database.forget(render_id)
    assert database.expected(render_id) == {}
