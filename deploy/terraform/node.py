#!/usr/bin/env python3
"""Tasks of a VM beside the container: fetches the secrets, tells Cloud Monitoring how long the queue is. No packages.

    node.py login              sign Docker in to the registry of IMAGE
    node.py secrets FOLDER     each of SECRETS into a file of its own
    node.py report FOLDER KEYS every minute, until it is stopped; FOLDER: AKMA's state, KEYS: file with its API keys

Cloud Monitoring takes what is written here as metrics of this VM, which is what an autoscaler asks for. Every node sees
the whole queue, so what it writes for the autoscaler is the queue's share of one worker: the mean over the VMs is the
same however many there are.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

METADATA = os.environ.get("METADATA_URL", "http://metadata.google.internal") + "/computeMetadata/v1/"
SECRETS = os.environ.get("SECRETS_URL", "https://secretmanager.googleapis.com") + "/v1/"
MONITORING = os.environ.get("MONITORING_URL", "https://monitoring.googleapis.com") + "/v3/"
AKMA = os.environ.get("AKMA_URL", "http://127.0.0.1:3000") + "/metrics"
SAMPLE = re.compile(r"(akma_[a-z_]+)(\{[^}]*\})? ([0-9.e+-]+)")
PREFIX = "custom.googleapis.com/akma/"
MINUTE = 60.0  # seconds
USER = int(os.environ.get("AKMA_UID", "10001"))  # the container's


def fetch(url: str, headers: dict[str, str], body: Any = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=10) as answer:
        content: bytes = answer.read()
    return content


def metadata(path: str) -> str:
    return fetch(METADATA + path, {"Metadata-Flavor": "Google"}).decode()


def token() -> str:
    found: str = json.loads(metadata("instance/service-accounts/default/token"))["access_token"]
    return found


def login() -> None:
    registry = os.environ["IMAGE"].partition("/")[0]
    command = ["docker", "login", "--username", "oauth2accesstoken", "--password-stdin", f"https://{registry}"]
    subprocess.run(command, input=token().encode(), check=True)


def secrets(folder: Path) -> None:
    """SECRETS is VARIABLE=projects/.../secrets/... with spaces between; only the container's user may look."""
    headers = {"Authorization": f"Bearer {token()}"}
    for entry in os.environ["SECRETS"].split():
        name, _, secret = entry.partition("=")
        answer = json.loads(fetch(f"{SECRETS}{secret}/versions/latest:access", headers))
        (folder / name).touch(mode=0o400)
        (folder / name).write_bytes(base64.b64decode(answer["payload"]["data"]))
    for path in (folder, *folder.iterdir()):
        os.chown(path, USER, USER)


def samples(text: str) -> Iterator[tuple[str, float]]:
    """Read the metrics that dashboard, alerts and autoscaler look at: sums over labels, failed renders apart."""
    found: dict[str, float] = {}
    for name, labels, value in SAMPLE.findall(text):
        if name == "akma_renders" and 'status="failed"' in labels:
            name = "akma_failed_renders"
        found[name] = found.get(name, 0.0) + float(value)
    for name in ("database_up", "queue_length", "queue_seconds", "workers", "failed_renders", "frames_rendered_total"):
        if f"akma_{name}" in found:
            yield name, found[f"akma_{name}"]
    if "akma_queue_seconds" in found:
        yield "queue_seconds_per_worker", found["akma_queue_seconds"] / max(1.0, found.get("akma_workers", 0.0))


def series(points: dict[str, float], labels: dict[str, str]) -> dict[str, Any]:
    """The body of projects.timeSeries.create."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "timeSeries": [
            {
                "metric": {"type": PREFIX + name},
                "resource": {"type": "gce_instance", "labels": labels},
                "points": [{"interval": {"endTime": now}, "value": {"doubleValue": value}}],
            }
            for name, value in points.items()
        ]
    }


def report(folder: Path, keys: Path) -> None:
    labels = {
        "project_id": metadata("project/project-id"),
        "instance_id": metadata("instance/id"),
        "zone": metadata("instance/zone").rpartition("/")[2],
    }
    key = keys.read_text().partition(",")[0].rpartition(":")[2]
    while True:
        used = shutil.disk_usage(folder)
        points = {"disk_used_ratio": used.used / used.total}
        try:
            points.update(samples(fetch(AKMA, {"X-API-Key": key}).decode()))
        except OSError as error:
            print(f"AKMA does not answer: {error}", file=sys.stderr)
        try:
            url = f"{MONITORING}projects/{labels['project_id']}/timeSeries"
            fetch(url, {"Authorization": f"Bearer {token()}"}, series(points, labels))
        except OSError as error:
            print(f"Cloud Monitoring does not answer: {error}", file=sys.stderr)
        time.sleep(MINUTE)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["login"]:
            login()
        case ["secrets", folder]:
            secrets(Path(folder))
        case ["report", folder, keys]:
            report(Path(folder), Path(keys))
        case _:
            sys.exit(__doc__)
