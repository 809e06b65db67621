"""Whatever is killed, whenever: every accepted render ends, with the frames that it would have had."""

import random
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.support.postgres import cluster
from tests.support.serving import SCALE, Service, serving
from tests.support.songs import write_song

RENDERS = 12 * SCALE
VARIANTS = 4  # distinct requests among them
KILLS = 6 * SCALE
SECONDS = 420


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_survives_kills_at_random_moments(database: str, tmp_path: Path, network: Path) -> None:
    song = write_song(tmp_path / "song.wav", 3)
    with cluster(wanted=database == "postgres") as url:
        environ = {"AKMA_DATABASE_URL": url} if url else {}
        with serving(tmp_path / "home", **environ) as service:
            name = service.import_network(network)
            undisturbed = [_video(service, _submit(service, song, name, k)) for k in range(VARIANTS)]
            ids = [_submit(service, song, name, k) for k in range(RENDERS)]
            _torment(service, random.Random(7))
            states = [service.wait(each, SECONDS) for each in ids]
            assert Counter(state["status"] for state in states) == {"done": RENDERS}, service.tail()
            for number, each in enumerate(ids):
                assert _video(service, each) == undisturbed[number % VARIANTS]
            rendered = Counter((line["render"], line["chunk"]) for line in service.events("chunk_rendered"))
            assert max(rendered.values()) == 1, "a finished chunk was rendered again"


def _submit(service: Service, song: Path, model: str, number: int) -> str:
    return service.submit(song, model=model, seed=number % VARIANTS)


def _torment(service: Service, chance: random.Random) -> None:
    """Kill workers, the API and everything, at moments that nobody chose."""
    for number in range(KILLS):
        time.sleep(chance.uniform(0.3, 4))
        if number % 3 == 2:
            service.kill()
            service.start(wait=False)
        else:
            service.kill(("worker", "api")[number % 3])
    service.wait_ready()


def _video(service: Service, render_id: str) -> bytes:
    """The video's bytes, as storage and as the service gives them."""
    assert service.wait(render_id, SECONDS)["status"] == "done"
    answer = httpx.get(f"{service.url}/v1/renders/{render_id}/video", timeout=30)
    assert answer.status_code == 200
    assert answer.content == service.storage.get_bytes(f"renders/{render_id}/video.mp4")
    assert service.storage.exists(f"renders/{render_id}/done")
    return answer.content
