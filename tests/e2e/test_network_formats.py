"""A song rendered with an imported network of each format of StyleGAN2, killed in the middle and resumed."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import Akma
from tests.support.songs import write_song

GOLDEN = Path(__file__).parents[1] / "golden"
DEADLINE = 120.0


@pytest.mark.parametrize("file", ["sg2_t64.pkl", "sg2_tf.pkl", "sg2_ros.pt"])
def test_killed_and_resumed_gives_the_same_bytes(
    file: str, akma: Akma, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AKMA_HOME", str(tmp_path / "home"))
    song = write_song(tmp_path / "song.wav", 9)
    assert akma("models", "import", GOLDEN / file, "--name", "net").code == 0

    def arguments(video: Path) -> list[object]:
        return ["render", song, "-o", video, "--model", "net", "--noise", "random", "--fps", 24, "--seed", 1]

    whole, killed = tmp_path / "whole.mp4", tmp_path / "killed.mp4"
    assert akma(*arguments(whole)).code == 0
    command = [sys.executable, "-m", "akma_core.cli", *map(str, arguments(killed))]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    began = time.monotonic()
    while not list(tmp_path.glob(".killed.mp4.parts/*/chunk*.mp4")):
        assert running.poll() is None
        assert time.monotonic() - began < DEADLINE
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not killed.exists()
    resumed = akma(*arguments(killed))
    assert resumed.code == 0
    assert "going on: " in resumed.err
    assert killed.read_bytes() == whole.read_bytes()
