"""Files under deploy/ and the Dockerfile: what they name exists, and what they run runs."""

import json
import os
import re
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from akma_core.config import PREFIX, unknown
from tests.support.deploy import CONTAINER, DEPLOY, ENTRY, MODULES, NODE, ROOT, SCHEMA, run, tool
from tests.support.metrics import documented


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


# The image


def test_dockerfile_takes_what_exists_and_is_let_through() -> None:
    lines = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text()
    sources = re.findall(r"^COPY (?!--from)(\S+)", lines, re.M)
    assert sources
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source}\n" in ignored


def test_dockerfile_is_pinned_and_not_root() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ARG BASE=python:3\.11\.\d+-slim-bookworm$", text, re.M)
    assert re.search(r"^USER 10001:10001$", text, re.M)
    assert "BENTOML_CONTAINERIZED=" not in text
    assert not re.search(r"https?://(?!127\.0\.0\.1)", text)  # an index of wheels is the user's affair


def test_torch_is_pinned_where_the_dockerfile_looks() -> None:
    assert re.search(r"^torch==[0-9.]+$", (ROOT / "requirements.txt").read_text(), re.M)


# The entry point


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("me:admin:it's a $ecret\n")
    (tmp_path / "password").write_text("p@ss/w:rd%41 x")
    done = run(
        ENTRY,
        sys.executable,
        "-c",
        "import json, os; print(json.dumps(dict(os.environ)))",
        AKMA_API_KEYS_FILE=str(tmp_path / "keys"),
        PGPASSWORD_FILE=str(tmp_path / "password"),
    )
    environ = json.loads(done.stdout)
    assert environ["AKMA_API_KEYS"] == "me:admin:it's a $ecret"
    assert environ["PGPASSWORD"] == "p@ss/w:rd%41 x"
    assert unknown(environ) == []


def test_a_secret_that_is_not_there_ends_it(tmp_path: Path) -> None:
    done = run(ENTRY, "true", AKMA_API_KEYS_FILE=str(tmp_path / "none"))
    assert done.returncode == 1
    assert f"AKMA_API_KEYS: cannot read {tmp_path / 'none'}" in done.stderr


def test_names_are_drawn_where_they_are_asked_for() -> None:
    names = {run(ENTRY, "printenv", "AKMA_NODE", AKMA_NODE="random").stdout.strip() for _ in range(2)}
    assert len(names) == 2
    assert all(re.fullmatch("node-[0-9a-f]{12}", name) for name in names)
    assert run(ENTRY, "printenv", "AKMA_NODE", AKMA_NODE="vm").stdout == "vm\n"


def test_the_command_takes_the_entry_points_place() -> None:
    process = subprocess.Popen([ENTRY, "sleep", "60"])
    try:
        for _ in range(200):
            command = Path(f"/proc/{process.pid}/comm").read_text()
            if command == "sleep\n":
                break
            threading.Event().wait(0.02)
        assert command == "sleep\n"
        process.terminate()
        assert process.wait(10) == -15
    finally:
        process.kill()


# Compose


@pytest.mark.parametrize("name", ["akma", "akma-cpu"])
def test_compose_sets_what_akma_knows(name: str) -> None:
    service = compose()["services"][name]
    names = [key.removesuffix("_FILE") for key in service["environment"]]
    assert unknown(dict.fromkeys(names, "")) == []
    assert {key for key in names if not key.startswith(PREFIX)} <= CONTAINER
    assert service["read_only"] is True
    assert service["stop_grace_period"] == "30s"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_compose_has_no_secret_in_it() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    assert not re.search(r"(?i)(password|secret|keys)[a-z_]*: *(?!/run/secrets|\[|postgresql://akma@)\S", text)
    for secret in compose()["secrets"].values():
        assert set(secret) == {"file"}


def test_compose_uses_exact_images() -> None:
    for service in compose()["services"].values():
        name, _, tag = service["image"].partition(":")
        assert name == "akma" or re.search(r"\d+\.\d+", tag)


# Terraform


@pytest.fixture
def cloud_config() -> str:
    """As Terraform's templatefile fills it in."""
    text = (MODULES[0] / "cloud-init.yaml").read_text()
    filled = text.replace("${node}", b64encode(NODE.read_bytes()).decode())
    filled = filled.replace("${indent(6, environment)}", "IMAGE=a/b:1\n      AKMA_STORAGE=gs://b")
    filled = filled.replace("$${", "\0")
    assert "${" not in filled
    assert "%{" not in filled
    return filled.replace("\0", "${")


def test_cloud_init_is_one(cloud_config: str, tmp_path: Path) -> None:
    assert cloud_config.startswith("#cloud-config\n")
    assert len(cloud_config) < 256 * 1024  # what metadata takes
    (tmp_path / "user-data.yaml").write_text(cloud_config)
    done = run(tool("check-jsonschema"), "--schemafile", SCHEMA, tmp_path / "user-data.yaml")
    assert done.returncode == 0, done.stdout
    files = {file["path"]: file for file in yaml.safe_load(cloud_config)["write_files"]}
    assert b64decode(files["/opt/akma/node.py"]["content"]) == NODE.read_bytes()
    assert files["/etc/akma.env"]["content"].splitlines()[:2] == ["IMAGE=a/b:1", "AKMA_STORAGE=gs://b"]
    for command in yaml.safe_load(cloud_config)["runcmd"]:
        assert command[0] in files


def test_cloud_inits_scripts_pass_shellcheck(cloud_config: str, tmp_path: Path) -> None:
    script = tmp_path / "prepare.sh"
    files = yaml.safe_load(cloud_config)["write_files"]
    script.write_text(next(file["content"] for file in files if file["path"].endswith(".sh")))
    done = run(tool("shellcheck"), script)
    assert done.returncode == 0, done.stdout


def test_units_are_units(cloud_config: str, tmp_path: Path) -> None:
    verify = tool("systemd-analyze")
    paths = [tmp_path / "docker.service"]
    paths[0].write_text("[Service]\nExecStart=/bin/true\n")
    for file in yaml.safe_load(cloud_config)["write_files"]:
        if file["path"].endswith(".service"):
            text = re.sub(r"/usr/bin/docker|/opt/akma/node\.py", "/bin/true", file["content"])
            paths.append(tmp_path / Path(file["path"]).name)
            paths[-1].write_text(text.replace("EnvironmentFile=", "EnvironmentFile=-"))
    assert len(paths) == 3
    done = run(verify, "verify", "--man=no", *paths)
    assert str(tmp_path) not in done.stderr, done.stderr
    for path in paths:
        assert path.name not in done.stderr, done.stderr


@pytest.fixture
def google() -> Iterator[tuple[dict[str, str], list[Any]]]:
    """Metadata, Secret Manager, Cloud Monitoring and AKMA in one; the environment to it, and what was written."""
    written: list[Any] = []
    metrics = """
akma_workers{profile="cuda"} 3.0
akma_workers{profile="cpu"} 1.0
akma_queue_seconds 1.2e+03
akma_queue_length 2.0
akma_renders{status="failed"} 5.0
akma_renders_ended_total{status="failed"} 60.0
akma_webhooks_total{outcome="failed"} 700.0
akma_renders{status="done"} 7.0
akma_database_up 1.0
"""
    answers = {
        "/computeMetadata/v1/instance/service-accounts/default/token": '{"access_token": "t"}',
        "/computeMetadata/v1/project/project-id": "p",
        "/computeMetadata/v1/instance/id": "42",
        "/computeMetadata/v1/instance/zone": "projects/1/zones/europe-west4-a",
        "/v1/projects/p/secrets/k/versions/latest:access": json.dumps({"payload": {"data": "bWU6YWRtaW46eA=="}}),
        "/metrics": metrics,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Metadata-Flavor") or self.headers.get("Authorization")
            self._answer(answers[self.path] if asked or self.headers.get("X-API-Key") == "x" else None)

        def do_POST(self) -> None:
            assert self.path == "/v3/projects/p/timeSeries"
            written.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer("{}")

        def _answer(self, text: str | None) -> None:
            self.send_response(200 if text else 403)
            self.end_headers()
            self.wfile.write((text or "").encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    environ = dict.fromkeys(["METADATA_URL", "SECRETS_URL", "MONITORING_URL", "AKMA_URL"], url)
    yield environ | {"AKMA_UID": str(os.getuid()), "SECRETS": "AKMA_API_KEYS=projects/p/secrets/k"}, written
    server.shutdown()
    server.server_close()


def test_node_fetches_secrets_and_reports(google: tuple[dict[str, str], list[Any]], tmp_path: Path) -> None:
    environ, written = google
    done = run(sys.executable, NODE, "secrets", tmp_path, **environ)
    assert done.returncode == 0, done.stderr
    keys = tmp_path / "AKMA_API_KEYS"
    assert keys.read_text() == "me:admin:x"
    assert keys.stat().st_mode & 0o777 == 0o400
    process = subprocess.Popen([sys.executable, NODE, "report", tmp_path, keys], env=os.environ | environ)
    try:
        for _ in range(200):
            if written:
                break
            threading.Event().wait(0.05)
    finally:
        process.kill()
        process.wait()
    series = {each["metric"]["type"].rpartition("/")[2]: each for each in written[0]["timeSeries"]}
    values = {name: each["points"][0]["value"]["doubleValue"] for name, each in series.items()}
    assert 0 < values.pop("disk_used_ratio") < 1
    assert values == {
        "database_up": 1,
        "queue_length": 2,
        "queue_seconds": 1200,
        "workers": 4,
        "failed_renders": 5,
        "queue_seconds_per_worker": 300,
    }
    labels = {"project_id": "p", "instance_id": "42", "zone": "europe-west4-a"}
    assert all(each["resource"] == {"type": "gce_instance", "labels": labels} for each in series.values())


def test_metrics_have_one_name_everywhere() -> None:
    reported = re.findall(r'"(\w+)"', re.findall(r"for name in \((.*?)\)", NODE.read_text())[0])
    assert {f"akma_{name}" for name in set(reported) - {"failed_renders"}} <= documented().keys()
    text = (MODULES[0] / "monitoring.tf").read_text()
    made = {*reported, "queue_seconds_per_worker", "disk_used_ratio"}
    declared = re.findall(r"^    (\w+) += \"", text[: text.index("alerts = {")], re.M)
    assert set(declared) == made
    assert set(re.findall(r"\bakma_([a-z_]+)", re.sub(r"custom_googleapis_com:akma_", "", text))) <= made


def test_every_alert_is_explained() -> None:
    text = (MODULES[0] / "monitoring.tf").read_text()
    alerts = re.findall(r"^    ([\w-]+) = \{\n      title", text, re.M)
    readme = (DEPLOY / "README.md").read_text()
    assert len(alerts) >= 6
    for alert in alerts:
        assert f"| `{alert}` |" in readme
