"""The studio in a real Chromium against a real service: by mouse, by keyboard, on a phone, and through a crash."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.browser import ROOT, Page, browser_or_skip, studio
from tests.support.serving import Service, serving

DEMO = ROOT / "studio/public/demo-song.m4a"
PATIENCE = 240.0  # seconds for what a worker makes: machines that run tests are busy
PARTS = ("Song", "Curve", "Beats", "Look", "Motion", "Render", "Models")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, network: Path) -> Iterator[Service]:
    browser_or_skip()
    with serving(tmp_path_factory.mktemp("studio") / "home", AKMA_LOG="text") as service:
        service.import_network(network)
        yield service


@pytest.fixture
def page(browser: Any, service: Service) -> Iterator[Page]:
    with studio(browser, service.url) as page:
        yield page


def found_hits(service: Service, page: Page) -> list[dict[str, Any]]:
    song = page.document()["song"]["id"]
    answer = httpx.post(f"{service.url}/v1/songs/{song}/analysis", json={}, timeout=30)
    hits: list[dict[str, Any]] = answer.raise_for_status().json()["hits"]
    return hits


def at(page: Page, seconds: float, above: float) -> tuple[float, float]:
    """Where a moment lies on the screen, so many pixels above the lower end of the timeline."""
    box = page.page.locator(".canvas").bounding_box()
    duration = float(page.page.locator(".cursor-handle").get_attribute("aria-valuemax"))
    return box["x"] + seconds / duration * box["width"], box["y"] + box["height"] - above


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    mouse = page.page.mouse
    mouse.move(*start)
    mouse.down()
    mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    mouse.move(*end)
    mouse.up()


def choose_seeds(page: Page) -> None:
    """Seeds 0 to 3 on the loud walk, 4 to 7 on the quiet one."""
    for seed in range(8):
        tile = page.page.get_by_role("button", name=re.compile(rf"^Seed {seed}\b")).last
        tile.click(button="left" if seed < 4 else "right")
        page.wait_settings(f"(s.seeds_{'top' if seed < 4 else 'bottom'} ?? []).includes({seed})")


def small(page: Page) -> None:
    """A render of two seconds at 12 frames a second."""
    page.part("Render")
    for label, value in (("Frames a second", "12"), ("Duration, as a number", "2"), ("Start, as a number", "2")):
        page.page.get_by_label(label, exact=True).fill(value)
        page.page.keyboard.press("Tab")
    page.wait_settings("s.fps === '12' && s.duration === 2 && s.start === 2")


def rendered(page: Page, folder: Path) -> Path:
    """The video that is downloaded once it is done."""
    link = page.page.get_by_role("link", name=re.compile("^Download the video"))
    link.wait_for(timeout=1000 * PATIENCE)
    with page.page.expect_download() as download:
        link.click()
    target = folder / "downloaded.mp4"
    download.value.save_as(target)
    return target


def command_line(service: Service, settings: dict[str, Any], folder: Path) -> Path:
    """What `akma render` makes of the document."""
    command = [sys.executable, "-m", "akma_core.cli", "render", str(DEMO), "-o", str(folder / "command.mp4")]
    for name, value in settings.items():
        option = "--" + name.replace("_", "-")
        if name == "hits":
            (folder / "hits.json").write_text(json.dumps(value))
            command += ["--hits", str(folder / "hits.json")]
        elif name == "modulation":
            command += [word for row in value for word in ("--modulate", row)]
        elif value is True:
            command.append(option)
        else:
            command += [option, ",".join(map(str, value)) if isinstance(value, list) else str(value)]
    done = subprocess.run(command, env=service.environ, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return folder / "command.mp4"


def test_the_whole_way_by_mouse(page: Page, service: Service, tmp_path: Path) -> None:
    page.take_demo_song()
    hits = found_hits(service, page)

    page.part("Curve")
    box = page.page.get_by_label("Smoothing", exact=True).bounding_box()
    middle = box["y"] + box["height"] / 2
    drag(page, (box["x"] + 0.18 * box["width"], middle), (box["x"] + 0.5 * box["width"], middle))
    page.wait_settings("s.window_length > 33 && s.window_length % 2 === 1")
    page.wait("performance.getEntriesByName('curve').length > 1")

    page.part("Beats")
    hit = hits[3]
    drag(page, at(page, hit["time"], 20), at(page, hit["time"] + 0.1, 20))
    page.wait_settings(f"Math.abs(s.hits[3].time - {hit['time'] + 0.1}) < 0.02")
    page.page.mouse.dblclick(*at(page, 1.0, 25))
    page.wait_settings(f"s.hits.length === {len(hits) + 1} && Math.abs(s.hits[0].time - 1) < 0.02")
    with page.page.expect_download() as download:
        page.page.get_by_role("button", name="EDL").click()
    assert "TITLE" in Path(download.value.path()).read_text()

    page.part("Look")
    page.page.locator(".card", has_text="tiny").click()
    page.wait_settings("s.model === 'tiny'")
    choose_seeds(page)

    page.part("Motion")
    page.page.locator(".card", has_text="club").click()
    page.button("Add a row").click()
    page.wait_settings("s.preset === 'club' && s.modulation.length === 1")

    page.button("Four stills").click()
    page.wait("document.querySelectorAll('.stills img').length === 4", seconds=PATIENCE)
    small(page)
    page.button("Make a clip").click()
    page.wait("document.querySelector('.preview video')?.readyState >= 2", seconds=PATIENCE)

    page.button("Render the video").click()
    video = rendered(page, tmp_path)
    assert video.read_bytes() == command_line(service, page.settings, tmp_path).read_bytes()
    page.check_accessible()
    page.check_clean()


def press_to(page: Page, name: str, *, limit: int = 150) -> None:
    """Tab until what has the focus has a name that begins so."""
    for _ in range(limit):
        page.page.keyboard.press("Tab")
        told = page.page.evaluate(
            "(e => e.getAttribute('aria-label') || [...(e.labels ?? [])].map(l => l.textContent).join()"
            " || e.textContent)"
            "(document.activeElement).trim()"
        )
        if told.startswith(name):
            return
    raise AssertionError(f"the keyboard does not come to {name!r}")


def test_the_whole_way_by_keyboard(page: Page, service: Service, tmp_path: Path) -> None:
    keys = page.page.keyboard
    press_to(page, "Try the demo song")
    keys.press("Enter")
    page.page.get_by_text("Heard").wait_for()
    hits = found_hits(service, page)

    press_to(page, "Song")
    keys.press("ArrowRight")
    press_to(page, "Smoothing")
    keys.press("ArrowRight")
    page.wait_settings("s.window_length === 35")
    keys.press("Control+z")
    page.wait_settings("s.window_length === undefined")
    keys.press("Control+Shift+Z")
    page.wait_settings("s.window_length === 35")

    press_to(page, "Cursor in the song")
    keys.press("End")
    keys.press("Enter")
    page.wait_settings(f"s.hits.length === {len(hits) + 1}")
    press_to(page, "Hits")
    keys.press("Home")
    keys.press("Alt+ArrowRight")
    page.wait_settings(f"Math.abs(s.hits[0].time - {hits[0]['time'] + 0.005}) < 1e-4")
    keys.press("ArrowDown")
    keys.press("ArrowRight")
    keys.press("Delete")
    page.wait_settings(f"s.hits.length === {len(hits)} && s.hits[0].strength < {hits[0]['strength']}")

    press_to(page, "Curve")
    keys.press("ArrowRight")
    keys.press("ArrowRight")
    press_to(page, "ink")
    while (before := page.settings.get("model")) != "tiny":
        keys.press("ArrowRight")
        page.wait_settings(f"s.model !== {json.dumps(before)} && s.model !== undefined")
    press_to(page, "Seed 0")
    for seed in range(4):
        keys.press("Enter")
        page.wait_settings(f"s.seeds_top?.length === {seed + 1} && s.seeds_top[{seed}] === {seed}")
        keys.press("ArrowRight")
        page.wait(f"document.activeElement.dataset.seed === '{seed + 1}'")
    press_to(page, "Look")
    for part in ("Motion", "Render"):
        keys.press("ArrowRight")
        page.page.get_by_role("tab", name=part, selected=True).wait_for()
    for name, setting, value in (
        ("Frames a second", "fps", "12"),
        ("Start, as", "start", "2"),
        ("Duration, as", "duration", "2"),
    ):
        press_to(page, name)
        keys.type(value)
        keys.press("Enter")
        page.wait_settings(f"s.{setting} == {value}")
    press_to(page, "Render the video")
    keys.press("Enter")
    video = rendered(page, tmp_path)
    assert video.read_bytes() == command_line(service, page.settings, tmp_path).read_bytes()
    page.check_clean()


def test_what_is_typed_stands_until_it_is_given(page: Page) -> None:
    """Answers that come meanwhile draw the part anew; they once put the old number back into the field."""
    page.take_demo_song()
    page.part("Render")
    page.wait("/about/.test(document.querySelector('.estimate').textContent)", seconds=PATIENCE)
    held: list[Any] = []
    page.page.route("**/v1/renders/estimate", lambda route: held.append(route))
    before = page.page.locator(".estimate").inner_text()
    page.page.locator(".switch label", has_text="9:16").click()
    field = page.page.get_by_label("Duration, as a number")
    field.focus()
    page.page.keyboard.type("3")
    end = time.monotonic() + PATIENCE
    while not held:
        page.page.wait_for_timeout(20)
        assert time.monotonic() < end
    for route in held:
        route.continue_()
    page.wait(f"document.querySelector('.estimate').textContent !== {json.dumps(before)}")
    assert field.input_value() == "3"
    page.page.keyboard.press("Enter")
    page.wait_settings("s.duration === 3 && s.shape === '9:16'")


@pytest.mark.parametrize("dark", [True, False])
def test_a_phone_shows_all_of_it(browser: Any, service: Service, dark: bool) -> None:
    with studio(browser, service.url, width=360, height=740, dark=dark) as page:
        page.check_accessible()
        page.take_demo_song()
        for part in (*PARTS, "Preview"):
            page.part(part)
            page.check_width()
            page.check_accessible()
        page.part("Look")
        page.page.locator(".card", has_text="tiny").tap()
        page.page.get_by_text("Quiet walk", exact=True).last.tap()
        page.page.get_by_role("button", name=re.compile(r"^Seed 5\b")).last.tap()
        page.wait_settings("s.seeds_bottom?.[0] === 5")
        page.check_clean()


def test_a_reload_loses_nothing_and_a_link_brings_it_elsewhere(browser: Any, page: Page, service: Service) -> None:
    page.take_demo_song()
    page.part("Beats")
    page.page.get_by_role("button", name="Twice as many").click()
    page.wait_settings("s.hits.length > 30")
    document = page.document()
    page.page.reload()
    page.page.get_by_role("tab", name="Beats", selected=True).wait_for()
    page.page.get_by_text("edited;").wait_for()
    assert page.document() == document

    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.locator("summary", has_text="Document").click()
    page.button("Copy a link").click()
    page.wait("navigator.clipboard.readText().then(text => text.includes('#d='))")
    link = page.page.evaluate("navigator.clipboard.readText()")
    with studio(browser, service.url) as other:
        other.page.goto(link)
        other.page.reload()
        other.wait_settings("s.hits?.length > 30")
        assert other.document() == document
    page.check_clean()


def test_files_are_dropped_and_refused_in_one_line(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "<img src=x onerror=alert(1)>.wav"
    bad.write_bytes(b"RIFF and nothing else")
    page.page.get_by_label("Song file").set_input_files(bad)
    alert = page.page.get_by_role("alert")
    alert.wait_for()
    assert "\n" not in alert.inner_text()
    page.page.get_by_label("Song file").set_input_files(DEMO)
    page.page.get_by_text("This song").wait_for()
    other = tmp_path / "mine.json"
    other.write_text(json.dumps({"settings": {"preset": "ambient", "strength": 0.5, "crf": 16.0}}))
    page.page.get_by_label("Document file").set_input_files(other)
    page.wait_settings("s.preset === 'ambient' && s.strength === 0.5 && s.crf === undefined")
    assert page.strangers == set()


def test_it_goes_on_after_the_service_was_killed(page: Page, service: Service) -> None:
    page.take_demo_song()
    page.part("Look")
    page.page.locator(".card", has_text="tiny").click()
    small(page)
    page.page.get_by_label("Duration, as a number").fill("12")
    page.page.keyboard.press("Tab")
    page.button("Render the video").click()
    page.page.get_by_role("region", name="The render that is watched").wait_for()
    service.kill()
    page.page.get_by_text("The service does not answer").wait_for()
    page.part("Motion")
    page.page.locator(".card", has_text="step").click()
    service.start()
    page.page.get_by_text("The service does not answer").wait_for(state="detached")
    page.wait_settings("s.preset === 'step'")
    page.part("Render")
    page.page.get_by_role("link", name=re.compile("^Download the video")).wait_for(timeout=1000 * PATIENCE)
    page.check_clean(was_away=True)


def test_log_lines_in_text(service: Service) -> None:
    """All of them, of every library, also while parts of the service were killed."""
    line = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]{12}Z (info|warning|error) [\w.]+ \S.* node=test process=\S+.*")
    lines = service.log.read_text().splitlines()
    assert len(lines) > 20
    assert not [text for text in lines if not line.fullmatch(text)]
