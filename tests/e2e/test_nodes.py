"""Many machines with one Postgres and one bucket: one dies, one freezes, one is cut off, and nothing is lost."""

import os
import signal
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.support.gcs import bucket
from tests.support.postgres import cluster
from tests.support.serving import SCALE, Service
from tests.support.songs import write_song

RENDERS = 20 * SCALE
VARIANTS = 4
SECONDS = 300


class Wire:
    """A TCP road to Postgres that can be cut: nothing passes any more, and nobody is told."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._cut = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._cut.set()

    def mend(self) -> None:
        self._cut.clear()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._target))
                for source, target in ((here, there), (there, here)):
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError), source, target:
            while data := source.recv(65536):
                while self._cut.is_set():
                    time.sleep(0.05)
                target.sendall(data)


@pytest.mark.slow
def test_a_fleet_survives_death_frost_and_a_cut_wire(
    tmp_path: Path, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = write_song(tmp_path / "song.wav", 3)
    with cluster() as url, bucket() as emulator, ExitStack() as stack:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.url)
        wire = Wire(int(url.rpartition(":")[2].partition("/")[0]))
        stack.callback(wire.close)
        shared = {"AKMA_STORAGE": "gs://akma/fleet", "AKMA_DATABASE_URL": url}
        front = Service(tmp_path / "front", AKMA_NODE="front", AKMA_ROLE="api", **shared)
        stack.callback(front.stop)
        nodes = []
        for name in ("dies", "freezes", "cut", "stays"):
            road = url.replace(url.rpartition("@")[2].partition("/")[0], f"127.0.0.1:{wire.port}")
            own = shared | ({"AKMA_DATABASE_URL": road} if name == "cut" else {})
            nodes.append(Service(tmp_path / name, AKMA_NODE=name, AKMA_ROLE="worker", **own))
            stack.callback(nodes[-1].stop)
        for machine in (front, *nodes):
            machine.start(wait=False)
        front.wait_ready()
        dies, freezes, _, stays = nodes
        name = front.import_network(network)
        while not all(machine.events("worker_started") for machine in nodes):
            time.sleep(0.2)
        undisturbed = [_video(front, front.submit(song, model=name, seed=k)) for k in range(VARIANTS)]
        ids = [front.submit(song, model=name, seed=k % VARIANTS) for k in range(RENDERS)]
        time.sleep(1.5)
        dies.kill()
        frozen = [process for process, kind in freezes.processes().items() if kind == "worker"]
        for process in frozen:
            os.kill(process, signal.SIGSTOP)
        wire.cut()
        front.kill()  # the only door, while all of them wait or run
        front = Service(tmp_path / "elsewhere", AKMA_NODE="elsewhere", AKMA_ROLE="api", **shared)
        stack.callback(front.stop)
        front.start()
        states = [front.wait(each, SECONDS) for each in ids]
        assert Counter(state["status"] for state in states) == {"done": RENDERS}, stays.tail()
        for number, each in enumerate(ids):
            assert _video(front, each) == undisturbed[number % VARIANTS]
        # Those who come back do no harm, and go on with what is new.
        wire.mend()
        for process in frozen:
            os.kill(process, signal.SIGCONT)
        dies.start(wait=False)
        again = [front.submit(song, model=name, seed=k) for k in range(VARIANTS)]
        for number, each in enumerate(again):
            assert front.wait(each, SECONDS)["status"] == "done"
            assert _video(front, each) == undisturbed[number]
        rendered = Counter(
            (line["render"], line["chunk"]) for machine in nodes for line in machine.events("chunk_rendered")
        )
        twice = sum(count - 1 for count in rendered.values())
        assert twice <= 2 * 3, f"{twice} chunks twice: at most those in flight, two on each of three nodes"


def _video(front: Service, render_id: str) -> bytes:
    assert front.wait(render_id, SECONDS)["status"] == "done"
    return front.storage.get_bytes(f"renders/{render_id}/video.mp4")
