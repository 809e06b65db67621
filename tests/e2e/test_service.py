"""The whole service, as its users have it: `akma serve` as processes, real HTTP, a real network, real songs."""

import hashlib
import hmac
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from tests.support.gcs import bucket
from tests.support.metrics import documented
from tests.support.serving import Service, serving
from tests.support.songs import write_song
from tests.support.web import talk

GOLDEN = Path(__file__).parents[1] / "golden"
SECRET = "a secret of sixteen"


class Hook:
    """A receiver of webhooks; the first `failures` calls get a 503."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.failures = 1
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.calls.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(503 if len(hook.calls) <= hook.failures else 204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, network: Path, hook: Hook) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("service") / "home"
    with serving(home, AKMA_WEBHOOK_ALLOW_PRIVATE=hook.host, AKMA_WEBHOOK_SECRET=SECRET) as service:
        service.import_network(network)
        yield service


def test_the_video_is_the_command_lines(service: Service, song: Path, tmp_path: Path) -> None:
    render_id = service.submit(song, model="tiny", seed=3, fps="29.97")
    state = service.wait(render_id)
    assert (state["status"], state["frames_done"]) == ("done", state["frames_total"])
    video = httpx.get(service.url + state["links"]["video"], timeout=30)
    output = tmp_path / "video.mp4"
    command = [sys.executable, "-m", "akma_core.cli", "render", str(song), "-o", str(output)]
    command += ["--model", "tiny", "--seed", "3", "--fps", "29.97"]
    subprocess.run(command, env=service.environ, check=True, capture_output=True)
    assert video.content == output.read_bytes()
    manifest = httpx.get(service.url + state["links"]["manifest"], timeout=30).json()
    mine = json.loads(output.with_suffix(".json").read_text())
    assert manifest["digest"] == mine["digest"]
    assert manifest["video"] == mine["video"]


def test_submit_does_the_clients_part(service: Service, song: Path, tmp_path: Path) -> None:
    output = tmp_path / "fetched.mp4"
    command = [sys.executable, "-m", "akma_core.cli", "submit", str(song), "--server", service.url, "-o", str(output)]
    done = subprocess.run([*command, "--model", "tiny", "--seed", "3"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert (
        hashlib.sha256(output.read_bytes()).hexdigest()
        == json.loads(output.with_suffix(".json").read_text())["video"]["sha256"]
    )


def test_it_is_watched_while_it_renders(service: Service, tmp_path: Path) -> None:
    song = write_song(tmp_path / "long.wav", 25)
    render_id = service.submit(song, model="tiny")
    began = time.monotonic()
    playlist = service.url + service.get(render_id)["links"]["stream"]
    while (answer := httpx.get(playlist, timeout=10)).status_code != 200 or "#EXTINF" not in answer.text:
        assert time.monotonic() - began < 60, answer.text
        time.sleep(0.1)
    assert service.get(render_id)["status"] == "running"
    assert "#EXT-X-ENDLIST" not in answer.text
    with av.open(playlist, options={"live_start_index": "0"}) as container:
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    assert times[0] == 0
    assert len(times) == 25 * 30
    assert "#EXT-X-ENDLIST" in httpx.get(playlist, timeout=10).text


def test_cancelling_frees_the_device(service: Service, song: Path, tmp_path: Path) -> None:
    slow = service.submit(write_song(tmp_path / "long.wav", 60), model="ink")
    while service.get(slow)["frames_done"] == 0:
        time.sleep(0.1)
    answer = httpx.delete(f"{service.url}/v1/renders/{slow}", timeout=10)
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    began = time.monotonic()
    assert service.wait(service.submit(song, model="tiny"))["status"] == "done"
    assert time.monotonic() - began < 30
    stopped = service.get(slow)["frames_done"]
    time.sleep(1)
    assert service.get(slow)["frames_done"] == stopped
    assert not list((service.home / "work").rglob(f"{slow}/**/*.mp4*"))


def test_looks_do_not_queue_behind_renders(service: Service, song: Path, tmp_path: Path) -> None:
    slow = service.submit(write_song(tmp_path / "long.wav", 60), model="ink")
    while service.get(slow)["frames_done"] == 0:
        time.sleep(0.1)
    with song.open("rb") as file:
        answer = httpx.post(
            f"{service.url}/v1/preview", data={"model": "tiny", "times": "0.5,2"}, files={"audio": file}, timeout=60
        )
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    with song.open("rb") as file:
        answer = httpx.post(f"{service.url}/v1/waveform", files={"audio": file}, timeout=60)
    assert len(answer.json()["curve"]) == answer.json()["frames"] == 90
    state = service.get(slow)
    assert state["status"] == "running"
    assert state["frames_done"] < state["frames_total"]
    httpx.delete(f"{service.url}/v1/renders/{slow}", timeout=10)


def test_a_network_is_brought_over_http(service: Service, song: Path) -> None:
    with (GOLDEN / "t64.pkl").open("rb") as file:
        answer = httpx.post(
            f"{service.url}/v1/models", data={"name": "baltic", "licence": "mine"}, files={"file": file}, timeout=120
        )
    assert answer.status_code == 201, answer.text
    assert "baltic" in [each["name"] for each in httpx.get(f"{service.url}/v1/models", timeout=10).json()["models"]]
    assert service.wait(service.submit(song, model="baltic", duration=0.2))["status"] == "done"


def test_a_webhook_is_told_until_it_hears(service: Service, song: Path, hook: Hook) -> None:
    render_id = service.submit(song, model="tiny", duration=0.5, webhook_url=f"http://{hook.host}/done")
    service.wait(render_id)
    began = time.monotonic()
    while len(hook.calls) < 2:
        assert time.monotonic() - began < 30, service.tail()
        time.sleep(0.1)
    for headers, body in hook.calls:
        signed = f"{headers['AKMA-Timestamp']}.".encode() + body
        assert headers["AKMA-Signature"] == "v1=" + hmac.new(SECRET.encode(), signed, "sha256").hexdigest()
    told = json.loads(hook.calls[-1][1])
    assert (told["id"], told["status"]) == (render_id, "done")


def test_a_song_that_no_plan_fits_fails_alone(service: Service, song: Path) -> None:
    """What gets past the door and fails later leaves a reason, and the next render goes through."""
    render_id = service.submit(song, model="tiny", duration=1)
    bad = service.storage
    service.wait(render_id)
    assert bad.exists(f"renders/{render_id}/done")
    with pytest.raises(AssertionError, match="unknown model"):
        service.submit(song, model="nobody")


def test_the_api_stays_light(service: Service) -> None:
    api = next(process for process, kind in service.processes().items() if kind == "api")
    assert "libtorch" not in Path(f"/proc/{api}/maps").read_text()


def test_metrics_and_health(service: Service) -> None:
    text = httpx.get(f"{service.url}/metrics", timeout=10).text
    values: dict[str, Any] = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values["akma_frames_rendered_total"]) >= 90
    assert float(values['akma_workers{profile="cpu"}']) == 1
    assert not [name for name in values if "/v1/renders/0" in name], "a series for each render"
    assert float(values['akma_renders_ended_total{status="cancelled"}']) == 2
    assert float(values['akma_renders_ended_total{status="done"}']) >= 2
    assert float(values['akma_job_tries_total{job="chunk",outcome="done"}']) >= 2
    assert float(values['akma_webhooks_total{outcome="again"}']) >= 1
    assert float(values['akma_free_disk_bytes{folder="storage"}']) > 1e6
    assert set(re.findall(r"^# TYPE (\w+)", text, re.M)) <= documented().keys()
    own = service.home / "metrics" / f"127.0.0.1-{service.port}"  # another service's are elsewhere
    assert list(own.glob("counter_*.db"))
    for path in ("/healthz", "/livez", "/readyz", "/v1/health"):
        assert httpx.get(service.url + path, timeout=10).status_code == 200


def test_every_log_line_is_of_one_format(service: Service) -> None:
    assert talk(service.port, b"no HTTP\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert httpx.get(f"{service.url}/nothing/here", timeout=10).status_code == 404
    lines = [json.loads(line) for line in service.log.read_text().splitlines()]
    for line in lines:
        assert list(line)[:6] == ["time", "level", "logger", "message", "node", "process"], line
        assert line["node"] == "test"
    assert {line["process"] for line in lines} == {"supervisor", "api", "worker-0"}
    assert {"akma", "bentoml.serve", "uvicorn.error"} <= {line["logger"] for line in lines}
    until = time.monotonic() + 10  # its line may come after its answer
    while not (asked := [each for each in service.events("request") if each["path"] == "/nothing/here"]):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert (asked[0]["status"], asked[0]["caller"]) == (404, "local")
    for name in ("worker_started", "render_accepted", "render_planned", "chunk_rendered", "render_done"):
        assert service.events(name), name
    assert SECRET not in service.log.read_text()


def test_a_bucket_and_a_restart_in_the_middle(tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song = write_song(tmp_path / "song.wav", 12)
    with bucket() as emulator:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.url)
        with serving(tmp_path / "home", AKMA_STORAGE="gs://akma/shows") as service:
            service.import_network(network)
            render_id = service.submit(song, model="tiny")
            while service.get(render_id)["frames_done"] < 100:
                time.sleep(0.05)
            service.kill()
            service.start()
            state = service.wait(render_id)
            assert state["status"] == "done", state
            assert httpx.get(service.url + state["links"]["video"], timeout=30).status_code == 200
            keys = {entry.key for entry in service.storage.list(f"renders/{render_id}/")}
        prefix = f"renders/{render_id}"
        assert {f"{prefix}/{name}" for name in ("audio.wav", "plan.json", "video.mp4", "manifest.json", "done")} <= keys
        assert f"{prefix}/chunks/00000.mp4" in keys
