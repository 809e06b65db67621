"""Players in a real Chromium, opened right after the POST: hls.js as it comes, and Chromium's own HLS."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.browser import ROOT, browser_or_skip, chromium
from tests.support.serving import Service, serving
from tests.support.songs import write_song

HLS = ROOT / "studio/node_modules/hls.js/dist/hls.min.js"
SONG = 6.0  # seconds
PATIENCE = 90.0  # seconds
OPEN = """([kind, url]) => {
    const video = document.createElement('video');
    video.muted = true;
    document.body.replaceChildren(video);
    const seen = { began: performance.now(), first: null, ended: false, errors: [], time: 0 };
    window.seen = seen;
    video.requestVideoFrameCallback(() => { seen.first = performance.now() - seen.began; });
    video.addEventListener('ended', () => { seen.ended = true; });
    video.addEventListener('error', () => seen.errors.push(`${video.error.code} ${video.error.message}`));
    video.addEventListener('timeupdate', () => { seen.time = video.currentTime; });
    if (kind === 'native') {
        video.src = url;
        video.play().catch((error) => seen.errors.push(String(error)));
        return;
    }
    const hls = new Hls();
    hls.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) seen.errors.push(`${data.type} ${data.details}`); });
    hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
    hls.loadSource(url);
    hls.attachMedia(video);
}"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, network: Path) -> Iterator[Service]:
    browser_or_skip()
    if not HLS.is_file():
        pytest.skip("hls.js is not installed: make studio")
    with serving(tmp_path_factory.mktemp("player") / "home") as service:
        service.import_network(network)
        service.wait(service.submit(write_song(service.home / "warm.wav", 1), model="tiny"))
        yield service


@pytest.mark.slow
@pytest.mark.parametrize("queue", ["empty", "busy"])
@pytest.mark.parametrize("kind", ["hls.js", "native"])
def test_a_player_that_asks_early_plays_to_the_end(service: Service, tmp_path: Path, kind: str, queue: str) -> None:
    song = write_song(tmp_path / "song.wav", SONG)
    with chromium() as browser:
        page: Any = browser.new_page()
        page.goto(f"{service.url}/v1/health")
        page.add_script_tag(path=HLS)
        before = service.submit(write_song(tmp_path / "before.wav", 2), model="ink") if queue == "busy" else None
        render_id = service.submit(song, model="tiny", fps="30")
        stream = httpx.get(f"{service.url}/v1/renders/{render_id}", timeout=10).json()["links"]["stream"]
        page.evaluate(OPEN, [kind, service.url + stream])
        until = time.monotonic() + PATIENCE
        while not (seen := page.evaluate("window.seen"))["ended"]:
            assert not seen["errors"], seen
            assert time.monotonic() < until, seen
            page.wait_for_timeout(200)
        assert 0 < seen["first"] < 1000 * PATIENCE
        if before:
            httpx.delete(f"{service.url}/v1/renders/{before}", timeout=10)
