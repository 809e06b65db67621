"""Settings from the environment: every field, and bad ones named without their value."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from akma_core.config import OTHERS, Environment, read_environment, unknown
from akma_core.errors import RequestError

SECRET = "hunter2-hunter2-hunter2"
GOOD: list[tuple[str, str, Any]] = [
    ("root_path", "/tools/akma", "/tools/akma"),
    ("trust_proxy", "true", True),
    ("storage", "gs://bucket/prefix", "gs://bucket/prefix"),
    ("database_url", f"postgresql://u:{SECRET}@h:5432/db", SecretStr(f"postgresql://u:{SECRET}@h:5432/db")),
    ("role", "worker", "worker"),
    ("node", "vm-1.zone_a", "vm-1.zone_a"),
    ("device", "cuda:3", "cuda:3"),
    ("api_keys", f"ann:user:{SECRET}", SecretStr(f"ann:user:{SECRET}")),
    ("link_secret", SECRET, SecretStr(SECRET)),
    ("link_seconds", "60", 60),
    ("cors_origins", "https://a.example, https://b.example", ("https://a.example", "https://b.example")),
    ("max_upload_bytes", "1", 1),
    ("max_audio_seconds", "0.5", 0.5),
    ("max_pixels", "256", 256),
    ("max_frames", "1", 1),
    ("max_queued_jobs", "1", 1),
    ("max_queued_seconds", "1e6", 1e6),
    ("max_jobs_per_key", "1", 1),
    ("max_listeners", "1", 1),
    ("retention_days", "0.5", 0.5),
    ("retention_bytes", "0", 0),
    ("webhook_hosts", "hooks.example.com,*.example.org", ("hooks.example.com", "*.example.org")),
    ("webhook_secret", SECRET, SecretStr(SECRET)),
    ("max_songs_per_key", "7", 7),
    ("min_upload_rate", "0", 0),
    ("webhook_allow_private", "127.0.0.1:9000", ("127.0.0.1:9000",)),
    ("log", "text", "text"),
]
BAD = [
    ("database_url", f"mysql://u:{SECRET}@h/db"),
    ("database_url", f"postgresql://u:{SECRET}@{SECRET}@h/db"),
    ("database_url", f"postgresql://u:x/{SECRET}@h/db"),
    ("database_url", f"postgresql://u:p@h:{SECRET}/db"),
    ("role", "boss"),
    ("node", "-vm"),
    ("node", "a/b"),
    ("node", "x" * 64),
    ("device", "tpu"),
    ("device", "cuda:"),
    ("link_secret", "hunter2-short"),
    ("link_seconds", "59"),
    ("link_seconds", "soon"),
    ("link_seconds", "604801"),
    ("max_upload_bytes", "0"),
    ("max_audio_seconds", "nan"),
    ("max_pixels", "255"),
    ("max_frames", "1.5"),
    ("max_queued_jobs", "-1"),
    ("max_queued_seconds", "0"),
    ("max_jobs_per_key", "none"),
    ("max_listeners", "0"),
    ("retention_days", "0"),
    ("retention_bytes", "-1"),
    ("webhook_secret", "hunter2-short"),
    ("webhook_secret", "sixteen-characters,hunter2-short"),
    ("webhook_secret", "whsec_hunter2-no-base64"),
    ("log", "xml"),
]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("AKMA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AKMA_HOME", str(tmp_path))


def test_every_field_is_tried() -> None:
    assert {name for name, *_ in GOOD} == set(Environment.model_fields)


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_a_field_is_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: Any) -> None:
    monkeypatch.setenv(f"AKMA_{name.upper()}", text)
    environment = read_environment()
    assert getattr(environment, name) == value
    assert SECRET not in repr(environment)
    changed = environment.model_copy(update={name: getattr(Environment(), name)})
    monkeypatch.delenv(f"AKMA_{name.upper()}")
    assert changed.model_dump(exclude={name}) == read_environment().model_dump(exclude={name})


@pytest.mark.parametrize(("name", "text"), BAD)
def test_what_is_wrong_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    monkeypatch.setenv(f"AKMA_{name.upper()}", text)
    with pytest.raises(RequestError) as caught:
        read_environment()
    error = caught.value
    assert (error.code, error.field) == ("bad_setting", f"AKMA_{name.upper()}")
    assert error.message.startswith(f"AKMA_{name.upper()} should ")
    assert "hunter2" not in repr(error) + repr(error.__cause__)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=6, max_size=40), st.data())
def test_no_secret_is_told_whatever_it_is(monkeypatch: pytest.MonkeyPatch, secret: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["DATABASE_URL", "LINK_SECRET", "WEBHOOK_SECRET"]))
    with monkeypatch.context() as patch:
        patch.setenv(f"AKMA_{name}", f"postgresql://u:{secret}@h/db" if name == "DATABASE_URL" else secret)
        told = _told()
    assert secret not in told.replace("postgresql://user:password@host/name", "").replace("characters or more", "")


def _told() -> str:
    try:
        return repr(read_environment())
    except RequestError as error:
        return error.message


def test_defaults_are_for_one_machine(tmp_path: Path) -> None:
    environment = read_environment()
    assert environment.home == tmp_path
    assert environment.storage_url == (tmp_path / "storage").as_uri()
    assert not environment.is_postgres
    assert environment.database("akma") == f"sqlite:///{tmp_path}/akma.sqlite"
    assert environment.database("dbos") != environment.database("akma")
    assert environment.node


@pytest.mark.parametrize("host", ["-odd-.name", "a b/c", "x" * 80, "...", ""])
def test_any_host_name_makes_a_node(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert read_environment().node


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgres_is_spoken_to_by_psycopg(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("AKMA_DATABASE_URL", f"{scheme}://u:p%40ss@h/db")
    environment = read_environment()
    assert environment.is_postgres
    assert environment.database("akma") == environment.database("dbos") == "postgresql+psycopg://u:p%40ss@h/db"


def test_an_empty_variable_is_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Environment.model_fields:
        monkeypatch.setenv(f"AKMA_{name.upper()}", "")
    assert read_environment().max_frames == Environment.model_fields["max_frames"].default


def test_slips_of_the_pen_are_found() -> None:
    known = {f"AKMA_{name.upper()}": "1" for name in Environment.model_fields} | dict.fromkeys(OTHERS, "1")
    assert unknown({**known, "AKMA_STORGE": "x", "HOME": "/", "AKMA_APIKEYS": "y"}) == ["AKMA_APIKEYS", "AKMA_STORGE"]
