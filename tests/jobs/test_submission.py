import hashlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from akma_core.audio.reader import digest
from akma_core.config import Environment
from akma_core.database import Database, Render
from akma_core.errors import FailureError, RequestError
from akma_core.jobs.cleanup import delete_orphans
from akma_core.jobs.submission import Submission, new_id, parse
from akma_core.networks import builtin
from akma_core.sandbox.pool import SandboxPool
from akma_core.settings import RenderSettings
from akma_core.storage import Storage, open_storage
from tests.support.songs import write_song


@dataclass(frozen=True)
class Song:
    path: Path
    name: str
    sha256: str
    key: str | None = None


@dataclass
class Door:
    """An Intake over a fresh database and storage."""

    portal: BlockingPortal
    probe: SandboxPool
    database: Database
    storage: Storage
    environment: Environment
    song: Song

    def submit(self, owner: str = "ann", key: str | None = None, **fields: Any) -> tuple[Render, bool]:
        door = Submission(self.environment, self.database, self.storage, self.probe)
        accepted: tuple[Render, bool] = self.portal.call(door.submit, owner, self.song, fields, key)
        return accepted

    def check_room(self, owner: str = "ann", key: str | None = None) -> None:
        door = Submission(self.environment, self.database, self.storage, self.probe)
        self.portal.call(door.check_room, owner, key)

    def limited(self, **limits: Any) -> "Door":
        return replace(self, environment=self.environment.model_copy(update=limits))

    @property
    def keys(self) -> list[str]:
        return [entry.key for entry in self.storage.list("")]


@pytest.fixture(scope="module")
def portal() -> Iterator[BlockingPortal]:
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="module")
def probe() -> Iterator[SandboxPool]:
    probe = SandboxPool(children=1)
    probe.start()
    yield probe
    probe.close()


@pytest.fixture
def door(portal: BlockingPortal, probe: SandboxPool, tmp_path: Path) -> Iterator[Door]:
    path = write_song(tmp_path / "0123.wav", 1)
    database = Database(f"sqlite:///{tmp_path / 'akma.sqlite'}")
    song = Song(path, "My song.wav", digest(path))
    yield Door(portal, probe, database, open_storage((tmp_path / "storage").as_uri()), Environment(), song)
    database.close()


def refusal(call: Callable[..., Any], *arguments: Any, **fields: Any) -> RequestError:
    with pytest.raises(RequestError) as caught:
        call(*arguments, **fields)
    return caught.value


# --- accepting -------------------------------------------------------------------------------------------------


def test_a_render_is_kept_and_its_song_lies_in_storage(door: Door) -> None:
    render, new = door.submit(fps="24", seed="7")
    assert new
    assert door.database.get(render.id) == replace(render, updated=render.created)
    assert door.keys == [f"renders/{render.id}/audio.wav"]
    assert door.storage.get_bytes(render.audio) == door.song.path.read_bytes()
    assert (render.frames, render.seconds, render.width, render.height, render.fps) == (24, 1.0, 256, 256, "24")
    assert (render.name, render.owner, render.status, render.idempotency_key) == ("My song.wav", "ann", "queued", None)
    assert RenderSettings.model_validate_json(render.settings) == RenderSettings.parse({"fps": 24, "seed": 7})
    assert abs(int(render.id[:12], 16) / 1000 - time.time()) < 10


def test_the_same_key_is_the_same_render(door: Door) -> None:
    first, _ = door.submit(key="k1", fps="24")
    again = door.submit(key="k1", fps="24", model="ink")  # what would be so anyway makes no difference
    assert (again[0].id, again[1]) == (first.id, False)
    other_owner, new = door.submit("bob", "k1", fps="24")
    assert new
    assert sorted(door.keys) == sorted([first.audio, other_owner.audio])

    said = refusal(door.submit, key="k1", fps="25")
    assert (said.code, said.field) == ("idempotency_conflict", "Idempotency-Key")
    assert len(door.keys) == 2  # what was stored for it went again


def test_a_key_that_was_used_meanwhile(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = door.submit(key="k")
    monkeypatch.setattr(Database, "keyed", lambda *_: None)  # as if both looked before either was accepted
    again, new = door.submit(key="k")
    assert (again.id, new) == (first.id, False)
    assert door.keys == [first.audio]


def test_a_full_queue(door: Door) -> None:
    door.submit(key="first")
    for limits in ({"max_queued_jobs": 1}, {"max_jobs_per_key": 1}, {"max_queued_seconds": 1.5}):
        full = door.limited(**limits)
        assert refusal(full.submit).code == "queue_full"
        assert len(door.keys) == 1
        full.check_room(key="first")  # whose answer is known
    full = door.limited(max_jobs_per_key=1)
    assert refusal(full.check_room).code == "queue_full"  # before the upload
    full.check_room("bob")
    assert full.submit("bob")[1]


def test_a_database_that_fails_may_have_kept_it(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """The song stays where it is: if the row is there after all, the render finds it; if not, the sweep does."""

    def fail(*_: Any) -> None:
        raise FailureError("the database does not answer", code="database_unreachable")

    monkeypatch.setattr(Database, "accept", fail)
    with pytest.raises(FailureError):
        door.submit()
    assert len(door.keys) == 1
    assert delete_orphans(door.storage, door.database, time.time()) == []
    (orphan,) = delete_orphans(door.storage, door.database, time.time(), older_than=-1)
    assert re.fullmatch("renders/[0-9a-f]{32}/", orphan)
    assert door.keys == []


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "é", "a\n", "\0"])
def test_keys_that_are_none(door: Door, key: str) -> None:
    said = refusal(door.check_room, key=key)
    assert (said.code, said.field) == ("bad_header", "Idempotency-Key")


# --- refusing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "code", "says"),
    [
        ({"fps": "0"}, "bad_setting", "fps should be between 1 and 240"),
        ({"bogus": "1"}, "unknown_setting", "unknown setting 'bogus'"),
        ({"webhook": "1"}, "unknown_setting", "unknown setting 'webhook'"),
        ({"start": "1"}, "bad_setting", "start 1 is beyond the end of the song (1.000 seconds)"),
        ({"class": "1"}, "bad_setting", "class 1 does not exist"),
        (
            {"model": "inks"},
            "unknown_model",
            "unknown model 'inks': give a name (dunes, east-sea, ink, sea), as GET /v1/models lists them",
        ),
        ({"upscale": "blur"}, "unknown_model", "unknown upscaler 'blur'"),
        ({"device": "cuda:1"}, "bad_setting", "device should be auto, cpu or cuda"),
        ({"device": "tpu"}, "bad_setting", "device"),
        ({"size": "8192x8192"}, "too_many_pixels", "8192x8192"),
        ({"webhook_url": "https://hooks.example.com/x"}, "bad_setting", "AKMA_WEBHOOK_SECRET is not set"),
    ],
    ids=str,
)
def test_wrong_wishes(door: Door, fields: dict[str, Any], code: str, says: str) -> None:
    said = refusal(door.submit, **fields)
    assert said.code == code
    assert says in said.message
    assert door.keys == []
    assert door.database.page(None, None, 9) == []


@pytest.mark.parametrize("field", ["model", "upscale"])
@pytest.mark.parametrize(
    "name",
    ["{folder}", "{folder}/network.json", "net.pkl", "net.pth", "../ink", "./ink", "/etc/passwd", "ink/"],
)
def test_names_are_never_paths(door: Door, field: str, name: str, tmp_path: Path) -> None:
    """A folder that is there and is a network, too."""
    (tmp_path / "net.pkl").write_bytes(b"x")
    folder = builtin.BUILT_IN["ink"]
    said = refusal(door.submit, **{field: name.format(folder=folder)})
    assert (said.code, said.field) == ("unknown_model", field)
    assert ".pkl file" not in said.message
    assert door.keys == []


def test_a_device_that_no_worker_has_is_refused(door: Door) -> None:
    assert door.submit(device="cuda")[1]  # nobody knows yet
    assert door.submit(encoder="nvenc")[1]
    door.database.beat("w-0", "1", "cpu", "CPU", 0)
    assert refusal(door.submit, device="cuda").field == "device"
    assert refusal(door.submit, encoder="nvenc").field == "encoder"
    assert door.submit(device="cpu")[1]
    door.database.beat("w-1", "1", "nvidia-l4", "NVIDIA L4", 0)
    assert door.submit(device="cuda")[1]


def test_webhooks_go_to_allowed_hosts(door: Door) -> None:
    door = door.limited(webhook_secret="0123456789abcdef", webhook_hosts=("hooks.example.com",))
    render, _ = door.submit(webhook_url="https://hooks.example.com/x", key="k")
    assert render.webhook_url == "https://hooks.example.com/x"
    assert refusal(door.submit, webhook_url="https://elsewhere.example.com/x").field == "webhook_url"
    assert refusal(door.submit, webhook_url=3).field == "webhook_url"
    assert refusal(door.submit, key="k").code == "idempotency_conflict"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(
        st.sampled_from([*RenderSettings.model_fields, "class", "x"]),
        st.none() | st.text(max_size=20) | st.integers() | st.floats() | st.lists(st.integers(), max_size=5),
        max_size=4,
    )
)
def test_any_settings_are_taken_or_refused_in_a_line(fields: dict[str, Any]) -> None:
    made = error = None
    try:
        made = parse(fields)
    except RequestError as caught:
        error = caught
    if error:
        assert error.field
        assert "\n" not in error.message
    if made:
        assert RenderSettings.model_validate_json(made.model_dump_json(by_alias=True)) == made


# --- ids and the sweep -----------------------------------------------------------------------------------------


def test_ids_sort_by_time() -> None:
    ids = [new_id(now) for now in (0, 1.5, 1e9, 1.7e9, 1.7e9 + 0.001, 2e10)]
    assert ids == sorted(ids)
    assert len({new_id(5.0) for _ in range(1000)}) == 1000
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_the_sweep_leaves_what_is_known_young_or_not_its_own(door: Door) -> None:
    render, _ = door.submit()
    orphan = f"renders/{new_id()}"
    kept = [render.audio, "renders/README.txt", "models/x/network.json", "renders/not-an-id/audio.wav"]
    gone = [f"{orphan}/audio.wav", f"{orphan}/chunks/00000.mp4", "previews/x/audio.wav", "imports/x.pkl"]
    for key in [*kept[1:], *gone]:
        door.storage.put_bytes(key, b"x")
    assert delete_orphans(door.storage, door.database, time.time()) == []
    assert sorted(door.keys) == sorted(kept + gone)
    assert sorted(delete_orphans(door.storage, door.database, time.time(), older_than=-1)) == sorted(
        [f"{orphan}/", *gone[2:]]
    )
    assert sorted(door.keys) == sorted(kept)


def test_the_fingerprint_tells_songs_apart(door: Door) -> None:
    door.submit(key="k")
    other = replace(door, song=replace(door.song, sha256=hashlib.sha256(b"other").hexdigest()))
    assert refusal(other.submit, key="k").code == "idempotency_conflict"
