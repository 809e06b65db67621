"""What holds of a bucket as storage on a bad road: refusals, cut connections, bent bytes, a service that is gone."""

import gc
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
import requests

from akma_core.errors import AkmaError, FailureError
from akma_core.storage import MissingKeyError, Storage, open_storage
from tests.storage.test_storage import every_use, keys, refusal
from tests.support import gcs
from tests.support.gcs import Answer, Exchange, Lost, Plan, Road, refused, straight

# Of a download that is refused the library leaves the connection to the garbage collector, which warns of it.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:Exception ignored in. <socket\.socket:pytest.PytestUnraisableExceptionWarning"
)

DEADLINE = 1.0  # seconds
LARGE = (20 << 20) + 1  # bytes: three pieces of a resumable upload


@pytest.fixture(scope="module")
def only_road() -> Iterator[Road]:
    with gcs.bad_road() as road:
        yield road


@pytest.fixture
def road(only_road: Road, monkeypatch: pytest.MonkeyPatch) -> Iterator[Road]:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", only_road.url)
    only_road.plans.clear()
    only_road.taken.clear()
    yield only_road
    gc.collect()  # the warnings of this test into this test
    only_road.plans.clear()
    open_storage("gs://akma/p", deadline=20).delete_prefix("a/")


@pytest.fixture
def storage(road: Road) -> Storage:  # noqa: ARG001
    return open_storage("gs://akma/p/", deadline=20)


@pytest.fixture
def hasty(road: Road) -> Storage:  # noqa: ARG001
    return open_storage("gs://akma/p/", deadline=DEADLINE)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(LARGE))
    return path


def in_time(work: Callable[[], object], code: str = "storage_unreachable") -> AkmaError:
    start = time.monotonic()
    error = refusal(FailureError, work)
    assert time.monotonic() - start < DEADLINE + 1
    assert error.code == code
    assert "gs://akma/p/" in error.message
    assert "secret" not in error.message
    assert "upload_id" not in error.message
    assert len(error.message) < 200
    return error


def all_uses(storage: Storage, file: Path) -> list[Callable[[], object]]:
    file.write_bytes(b"1")
    return [*every_use(storage, "a/x", file)[:-1], partial(keys, storage), storage.check]


PASSING = {str(status): refused(status) for status in (408, 429, 500, 503)}
PASSING |= {"lost before": gcs.lost_before, "lost after": gcs.lost_after}


@pytest.mark.parametrize("plan", PASSING.values(), ids=PASSING)
def test_what_passes_is_tried_again(storage: Storage, road: Road, plan: Plan) -> None:
    road.plans[:] = [plan, plan]
    assert storage.put_bytes("a/x", b"x") is True
    road.plans[:] = [plan, plan]
    assert storage.get_bytes("a/x") == b"x"
    road.plans[:] = [plan, straight, plan]
    assert list(storage.open_range("a/x", 0, 9)) == [b"x"]
    road.plans[:] = [plan]
    assert keys(storage, "a/") == ["a/x"]
    road.plans[:] = [plan]
    storage.delete("a/x")
    assert road.plans == []
    assert not storage.exists("a/x")


@pytest.mark.parametrize("plan", [refused(503), gcs.lost_before], ids=["503", "lost before"])
@pytest.mark.parametrize("before", range(5))
def test_a_large_upload_goes_on(storage: Storage, road: Road, large: Path, plan: Plan, before: int) -> None:
    road.plans[:] = [straight] * before + [plan]
    storage.put_file("a/large.mp4", large)
    assert storage.get_bytes("a/large.mp4", LARGE) == large.read_bytes()
    if before < 4:
        assert len([request for request in road.taken if request.startswith(("POST", "PUT"))]) == 5


def test_a_large_download_goes_on(storage: Storage, road: Road, large: Path, tmp_path: Path) -> None:
    storage.put_file("a/large", large)
    road.taken.clear()
    road.plans[:] = [gcs.lost_within] * 2
    storage.get_file("a/large", tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == large.read_bytes()
    assert len(road.taken) == 3


@pytest.mark.parametrize("again", [b"mine", b"other"])
def test_who_won_is_known_though_the_answer_is_lost(storage: Storage, road: Road, again: bytes) -> None:
    road.plans[:] = [gcs.lost_after]
    assert storage.put_bytes("a/done", b"mine", if_absent=True) is True
    assert sum(request.startswith("POST") for request in road.taken) == 2
    for plans in ([], [gcs.lost_after], [gcs.lost_before]):
        road.plans[:] = plans
        assert storage.put_bytes("a/done", again, if_absent=True) is False
    assert storage.get_bytes("a/done") == b"mine"


def test_bent_bytes_are_noticed(storage: Storage, road: Road, large: Path, tmp_path: Path) -> None:
    road.plans[:] = [straight, straight, gcs.bent]
    assert refusal(FailureError, partial(storage.put_file, "a/x", large)).code == "storage_corrupt"
    assert road.plans == []
    assert not storage.exists("a/x")
    storage.put_bytes("a/x", b"12345")
    for read in (partial(storage.get_file, "a/x", tmp_path / "got"), partial(storage.get_bytes, "a/x")):
        road.plans[:] = [gcs.bent_answer]
        assert refusal(FailureError, read).code == "storage_corrupt"
    assert list(tmp_path.iterdir()) == [large]


def test_a_small_upload_brings_its_checksum(storage: Storage, road: Road) -> None:
    sent: list[bytes] = []

    def see(exchange: Exchange) -> Answer:
        sent.append(exchange.body)
        return exchange.send(exchange.body)

    road.plans[:] = [see]
    storage.put_bytes("a/x", b"123456789")
    assert b'"crc32c": "4waSgw=="' in sent[0]  # e3069283, the check value of every table of CRCs


@pytest.mark.parametrize(("status", "code"), [(401, "no_rights"), (403, "no_rights"), (400, "storage_unreachable")])
def test_what_does_not_pass_is_told_at_once(
    storage: Storage, road: Road, tmp_path: Path, status: int, code: str
) -> None:
    for use in all_uses(storage, tmp_path / "file"):
        road.plans[:] = [refused(status)]
        in_time(use, code)
        assert road.plans == []


def test_a_service_that_stays_ill(hasty: Storage, road: Road, tmp_path: Path) -> None:
    for use in all_uses(hasty, tmp_path / "file"):
        road.plans[:] = [refused(503)] * 50
        assert "HTTP 503" in in_time(use).message


def test_a_service_that_goes_or_hangs(monkeypatch: pytest.MonkeyPatch, large: Path, tmp_path: Path) -> None:
    with gcs.bad_road() as road:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", road.url)
        storage, patient = (open_storage("gs://akma/p", deadline=deadline) for deadline in (DEADLINE, 20))
        patient.put_file("a/large", large)
        emulator = road.emulator
        assert emulator is not None

        def hang(exchange: Exchange) -> Answer:
            emulator.process.send_signal(signal.SIGSTOP)
            return exchange.send(exchange.body)

        def go(_: Exchange) -> Answer:
            emulator.stop()
            raise Lost

        road.plans[:] = [straight, straight, hang]
        in_time(partial(storage.put_file, "a/never", large))
        in_time(partial(storage.get_bytes, "a/large"))
        emulator.process.send_signal(signal.SIGCONT)
        assert patient.exists("a/large")
        assert not patient.exists("a/never")
        road.plans[:] = [straight, straight, go]
        in_time(partial(storage.put_file, "a/never", large))
        for use in all_uses(storage, tmp_path / "file")[::4]:
            assert "no connection" in in_time(use).message
        assert sorted(tmp_path.iterdir()) == [tmp_path / "file", large]
    gc.collect()


PUT = """
import sys
from pathlib import Path
from akma_core.storage import open_storage
open_storage("gs://akma/p").put_file("a/b", Path(sys.argv[1]))
"""


def test_a_writer_that_is_killed_leaves_no_key(storage: Storage, road: Road, large: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", PUT, str(large)])

    def kill(exchange: Exchange) -> Answer:
        process.kill()
        return exchange.send(exchange.body)

    road.plans[:] = [straight, straight, kill]
    assert process.wait() == -signal.SIGKILL
    assert [request.split()[0] for request in road.taken] == ["POST", "PUT", "PUT"]
    assert keys(storage) == []
    storage.put_file("a/b", large)
    assert storage.size("a/b") == LARGE


def test_a_range_is_of_one_version(storage: Storage, road: Road, large: Path) -> None:
    storage.put_file("a/x", large)
    pieces = storage.open_range("a/x", 0, LARGE)
    next(pieces)
    road.taken.clear()
    next(pieces)
    assert "ifGenerationMatch=" in road.taken[0]  # which this emulator does not heed
    road.plans[:] = [refused(412)]
    assert refusal(FailureError, partial(next, pieces)).code == "storage_changed"
    pieces = storage.open_range("a/x", 0, LARGE)
    road.plans[:] = [refused(400)]
    in_time(partial(next, pieces))
    pieces = storage.open_range("a/x", 0, LARGE)
    storage.delete("a/x")
    assert refusal(FailureError, partial(next, pieces)).code == "storage_changed"


def test_a_bucket_that_is_missing(road: Road, large: Path) -> None:  # noqa: ARG001
    storage = open_storage("gs://no-such-bucket/p", deadline=DEADLINE)
    uses: list[Callable[[], object]] = [storage.check, partial(storage.put_file, "a", large), partial(keys, storage)]
    for use in uses:
        error = refusal(FailureError, use)
        assert error.code == "no_bucket"
        assert "no-such-bucket" in error.message
    refusal(MissingKeyError, partial(storage.get_bytes, "a"))
    assert storage.size("a") is None


def test_prefixes_keep_to_themselves(road: Road) -> None:  # noqa: ARG001
    whole, first, second = (open_storage(f"gs://akma{prefix}", deadline=20) for prefix in ("", "/a/b", "/a/bc/"))
    first.put_bytes("x", b"1")
    second.put_bytes("y/z", b"2")
    whole.put_bytes("a/d", b"")
    assert keys(first) == ["x"]
    assert keys(second) == ["y/z"]
    assert keys(whole) == ["a/b/x", "a/bc/y/z", "a/d"]
    assert second.url("y/z") == whole.url("a/bc/y/z") == "gs://akma/a/bc/y/z"
    whole.delete_prefix("a/")


@pytest.mark.parametrize(
    ("key", "given", "kept"),
    [
        ("a/video.mp4", None, "video/mp4"),
        ("a/stream.m3u8", None, "application/vnd.apple.mpegurl"),
        ("a/manifest.json", None, "application/json"),
        ("a/done", None, "application/octet-stream"),
        ("a/x", "image/png", "image/png"),
    ],
)
def test_types_for_browsers(
    storage: Storage, road: Road, tmp_path: Path, key: str, given: str | None, kept: str
) -> None:
    (tmp_path / "file").write_bytes(b"1")
    storage.put_file(key, tmp_path / "file", given)
    facts = requests.get(f"{road.url}/storage/v1/b/akma/o/{quote('p/' + key, safe='')}", timeout=10).json()
    assert facts["contentType"] == kept


def test_without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    assert refusal(FailureError, lambda: open_storage("gs://akma")).code == "no_credentials"
    key = tmp_path / "key.json"
    for text in ("{", "{}", '{"type": "service_account", "private_key": "secret"}'):
        key.write_text(text)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        error = refusal(FailureError, lambda: open_storage("gs://akma"))
        assert error.code == "no_credentials"
        assert "secret" not in error.message


def test_links_that_are_signed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = {"type": "service_account", "client_email": "akma@x.iam.gserviceaccount.com", "private_key": pem}
    account |= {"token_uri": "https://oauth2.googleapis.com/token", "project_id": "x", "private_key_id": "1"}
    (tmp_path / "key.json").write_text(json.dumps(account))
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    url = open_storage("gs://bucket/p").signed_url("renders/1/video.mp4", 90)
    assert url is not None
    assert url.startswith("https://storage.googleapis.com/bucket/p/renders/1/video.mp4?")
    query = dict(parse_qsl(urlsplit(url).query))
    assert query["X-Goog-Expires"] == "90"
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    # cloud.google.com/storage/docs/authentication/signatures
    asked = ["GET", urlsplit(url).path, urlencode(sorted(query.items()), quote_via=quote, safe="")]
    asked += ["host:storage.googleapis.com", "", "host", "UNSIGNED-PAYLOAD"]
    scope = query["X-Goog-Credential"].split("/", 1)[1]
    digest = hashlib.sha256("\n".join(asked).encode()).hexdigest()
    signed = f"GOOG4-RSA-SHA256\n{query['X-Goog-Date']}\n{scope}\n{digest}"
    key.public_key().verify(signature, signed.encode(), padding.PKCS1v15(), SHA256())


def test_links_that_nobody_can_sign(storage: Storage) -> None:
    assert storage.signed_url("a", 60) is None
