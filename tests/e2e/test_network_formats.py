"""A song rendered with an imported network of each format of StyleGAN2, killed in the middle and resumed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.songs import write_song

GOLDEN = Path(__file__).parents[1] / "golden"
DEADLINE = 120.0


def akma(home: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"AKMA_HOME": str(home)}
    command = [sys.executable, "-m", "akma_core.cli", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE, check=True)


@pytest.mark.parametrize("file", ["sg2_t64.pkl", "sg2_tf.pkl", "sg2_ros.pt"])
def test_killed_and_resumed_gives_the_same_bytes(file: str, tmp_path: Path) -> None:
    home, song = tmp_path / "home", write_song(tmp_path / "song.wav", 9)
    akma(home, "models", "import", GOLDEN / file, "--name", "net")

    def arguments(video: Path) -> list[object]:
        return ["render", song, "-o", video, "--model", "net", "--noise", "random", "--fps", 24, "--seed", 1]

    whole, killed = tmp_path / "whole.mp4", tmp_path / "killed.mp4"
    akma(home, *arguments(whole))
    command = [sys.executable, "-m", "akma_core.cli", *map(str, arguments(killed))]
    running = subprocess.Popen(command, env=os.environ | {"AKMA_HOME": str(home)}, stderr=subprocess.DEVNULL)
    began = time.monotonic()
    while not list(tmp_path.glob(".killed.mp4.parts/*/chunk*.mp4")):
        assert running.poll() is None
        assert time.monotonic() - began < DEADLINE
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not killed.exists()
    assert "going on: " in akma(home, *arguments(killed)).stderr
    assert killed.read_bytes() == whole.read_bytes()
