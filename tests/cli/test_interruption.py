"""What stops a render, in processes of their own: the same command goes on."""

import io
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from akma_core.cli import main
from akma_core.media.flash.track import pack
from akma_core.media.video_reader import FrameReader, open_video
from akma_core.render.flashes import grid_of
from akma_core.render.plan import RenderPlan
from tests.support.command import Akma, Result, options
from tests.support.songs import write_song

LONG = {"fps": 24}  # 24, 48, 96 and 48 frames of a song of 9 seconds: some two seconds of work


@dataclass(frozen=True)
class Long:
    """A render that is long enough to be stopped, and what comes out of it where nothing stops it."""

    song: Path
    network: Path
    video: bytes
    manifest: bytes

    def arguments(self, video: Path) -> list[str]:
        return ["render", str(self.song), "-o", str(video), *options(self.network, **LONG)]

    @property
    def digest(self) -> str:
        return str(json.loads(self.manifest)["digest"])


@pytest.fixture(scope="module")
def long(network: Path, tmp_path_factory: pytest.TempPathFactory) -> Long:
    folder = tmp_path_factory.mktemp("long")
    song = write_song(folder / "long.wav", 9)
    assert main.main(["render", str(song), "-o", str(folder / "v.mp4"), *options(network, **LONG)]) == 0
    return Long(song, network, (folder / "v.mp4").read_bytes(), (folder / "v.json").read_bytes())


class Running:
    """A render in a process of its own, stopped in the middle of its second or a later chunk."""

    def __init__(self, long: Long, video: Path) -> None:
        self.folder = video.parent / f".{video.name}.parts" / long.digest
        command = [sys.executable, "-W", "error", "-m", "akma_core.cli", *long.arguments(video)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + 60
            while not (self.chunks() and list(self.folder.glob("*.tmp"))):
                assert self.process.poll() is None, self.process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.002)
            self.process.send_signal(signal.SIGSTOP)
            assert 1 <= len(self.chunks()) < 4
            assert not video.exists()
        except BaseException:
            self.end(signal.SIGKILL)
            raise

    def chunks(self) -> dict[str, tuple[int, int]]:
        """Finished chunks: inode and time of writing."""
        found = {path.name: path.stat() for path in self.folder.glob("chunk*.mp4")}
        return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in found.items()}

    def end(self, how: signal.Signals) -> Result:
        """Let it feel a signal, and wait until it has gone."""
        self.process.send_signal(how)
        self.process.send_signal(signal.SIGCONT)
        output, errors = self.process.communicate(timeout=60)
        return Result(self.process.returncode, output, errors)


def goes_on(akma: Akma, long: Long, video: Path, kept: dict[str, tuple[int, int]], running: Running) -> None:
    """The same command finishes the render and touches no finished chunk."""
    touched: list[str] = []
    written = Path.replace

    def watch(self: Path, target: Path) -> Path:
        touched.append(Path(target).name)
        return written(self, target)

    frames = sum((24, 48, 96, 48)[int(name[5:10])] for name in kept)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", watch)
        result = akma(*long.arguments(video))
    assert result.code == 0
    assert result.err.splitlines()[0] == f"going on: {frames} of 216 frames are there already"
    assert f"rendered {216 - frames} frames" in result.out
    assert sorted(name for name in touched if name.startswith("chunk") and name.endswith(".mp4")) == sorted(
        {f"chunk{k:05d}.mp4" for k in range(4)} - kept.keys()
    )
    assert video.read_bytes() == long.video
    assert video.with_suffix(".json").read_bytes() == long.manifest
    assert not running.folder.parent.exists()


@pytest.fixture
def running(long: Long, out: Path) -> Iterator[Running]:
    running = Running(long, out / "v.mp4")
    yield running
    running.end(signal.SIGKILL)


def test_kill(akma: Akma, long: Long, running: Running, out: Path) -> None:
    """kill -9 in the middle; while it still lives, nobody else writes the same video."""
    second = akma(*long.arguments(out / "v.mp4"))
    assert second.code == 2
    assert "another akma render is writing" in second.complaint
    other = akma(*long.arguments(out / "v.mp4"), "--seed", 1)
    assert other.code == 2
    assert "another akma render is writing" in other.complaint

    kept = running.chunks()
    assert running.end(signal.SIGKILL).code == -signal.SIGKILL
    assert running.chunks() == kept
    assert list(running.folder.glob("*.tmp"))  # it did stop in the middle
    goes_on(akma, long, out / "v.mp4", kept, running)


def test_interrupt(akma: Akma, long: Long, running: Running, out: Path) -> None:
    result = running.end(signal.SIGINT)
    assert result.code == 130
    told = [line for line in result.err.splitlines() if not re.match(r" *\d+%  \d+/216 frames", line)]
    assert told == ["akma: interrupted; the same command goes on from the finished chunks"]
    assert result.out == ""
    assert sorted(path.name for path in out.iterdir()) == [".v.mp4.parts"]
    assert not list(running.folder.glob("*.tmp"))
    kept = running.chunks()
    assert 1 <= len(kept) < 4
    goes_on(akma, long, out / "v.mp4", kept, running)


def test_a_full_disk(akma: Akma, long: Long, out: Path) -> None:
    """No file may grow beyond what the first chunks take: the disk's limit, as far as a process can tell."""
    code = """
import resource, sys
from akma_core.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""
    with av.open(io.BytesIO(long.video), "r") as container:
        sizes = [packet.size for packet in container.demux(video=0) if packet.size]
    plan = RenderPlan.model_validate(json.loads(long.manifest)["plan"])
    (shown := out.parent / "shown.mp4").write_bytes(long.video)
    small = grid_of(plan).small(FrameReader(open_video(shown)).read(0, 216))
    second, third = (max(sum(sizes[k:n]), len(pack(small[k:n]))) for k, n in ((24, 72), (72, 168)))
    limit = (second + third) // 2  # more than the second chunk and its track take, less than the third's
    video = out / "v.mp4"
    command = [sys.executable, "-W", "error", "-c", code, str(limit), *long.arguments(video)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if not re.match(r" *\d+%  \d+/216 frames", line)]
    assert len(told) == 1
    assert re.match(r"akma: no room left to write .*: free some space on that disk and run the same again", told[0])
    assert sorted(path.name for path in out.iterdir()) == [".v.mp4.parts"]
    folder = out / ".v.mp4.parts" / long.digest
    kept = sorted(path.name for path in folder.iterdir() if path.suffix != ".flash")
    assert kept == ["chunk00000.mp4", "chunk00001.mp4", "curves.npz"]
    result = akma(*long.arguments(video))
    assert result.code == 0
    assert result.err.startswith("going on: 72 of 216 frames are there already")
    assert video.read_bytes() == long.video
