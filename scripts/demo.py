"""The whole way in one command: start the service, submit the demo song, show its progress, fetch the video, stop."""

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

READY = 120.0  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("song", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("settings", nargs="*", help="options of akma submit, after --")
    options = parser.parse_args()
    home = options.output.absolute().parent / "home"
    home.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    akma = [sys.executable, "-m", "akma_core.cli"]
    environ = os.environ | {"AKMA_HOME": str(home), "BENTOML_HOME": str(home / "bentoml"), "AKMA_LOG": "text"}
    with (home / "serve.log").open("w") as log:
        print(f"== starting the service at {url} (its log: {home / 'serve.log'}) ==", flush=True)
        service = subprocess.Popen(
            [*akma, "serve", "--port", str(port)], env=environ, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(url, service)
            print(f"== submitting {options.song} ==", flush=True)
            submit = [*akma, "submit", str(options.song), "--server", url, "-o", str(options.output), "--overwrite"]
            return subprocess.run([*submit, *options.settings]).returncode
        finally:
            print("== stopping the service ==", flush=True)
            service.send_signal(signal.SIGINT)
            try:
                service.wait(40)
            except subprocess.TimeoutExpired:
                os.killpg(service.pid, signal.SIGKILL)


def _wait(url: str, service: subprocess.Popen[bytes]) -> None:
    began = time.monotonic()
    while time.monotonic() - began < READY:
        try:
            with urllib.request.urlopen(f"{url}/v1/health", timeout=5):
                return
        except OSError:
            if service.poll() is not None:
                sys.exit("the service did not start: see its log")
            time.sleep(0.2)
    sys.exit(f"the service was not ready within {READY:g} seconds: see its log")


if __name__ == "__main__":
    sys.exit(main())
