"""Networks brought along: converted without being run, kept by digest, found by name, the same frames either way."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from akma_core import library
from akma_core.cli import main
from akma_core.errors import FailureError, RequestError
from akma_core.networks.card import CARD, WEIGHTS, read_card, write_card
from akma_core.storage import open_storage
from runners import models
from tests.media import decode_video

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """AKMA's and BentoML's state in a folder of the test's. (BentoML reads its variable once, at import.)"""
    home = tmp_path / "home"
    monkeypatch.setenv("AKMA_HOME", str(home))
    monkeypatch.delenv("AKMA_STORAGE", raising=False)
    return home


def akma(*arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "akma_core.cli", *map(str, arguments)]
    environ = {"AKMA_HOME": str(home / "akma"), "BENTOML_HOME": str(home / "bento"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environ)


def test_a_pkl_by_path_and_by_name_gives_identical_frames(tmp_path: Path, song: Path) -> None:
    pkl = shutil.copy(GOLDEN / "t64_clamp.pkl", tmp_path / "East Sea.pkl")
    assert akma("models", "import", pkl, "--name", "east-sea", "--licence", "CC0", home=tmp_path).returncode == 0
    listing = akma("models", "list", home=tmp_path)
    assert "east-sea" in listing.stdout
    assert "CC0" in listing.stdout
    digest = next(line.split()[-2] for line in listing.stdout.splitlines() if line.startswith("east-sea"))
    frames = []
    for k, model in enumerate((pkl, "east-sea", f"east-sea:{digest}")):
        video = tmp_path / f"{k}.mp4"
        done = akma("render", song, "-o", video, "--model", model, "--fps", 6, home=tmp_path)
        assert done.returncode == 0, done.stderr
        frames.append(decode_video(video)[0])
        plan = json.loads(video.with_suffix(".json").read_text())
        frames.append(np.frombuffer(plan["digest"].encode(), np.uint8))
    assert (frames[0] == frames[2]).all()
    assert (frames[0] == frames[4]).all()
    assert (frames[1] == frames[3]).all(), "one network, one digest, one plan"
    shown = akma("models", "show", "east-sea", home=tmp_path)
    assert "BENTO" not in shown.stdout
    assert str(tmp_path / "bento" / "models" / "east-sea") in shown.stdout
    prefix = tmp_path / "akma" / "storage" / "models"
    assert {path.name for path in prefix.glob("*/*")} == {CARD, WEIGHTS, library.SHEET}


def test_torch_is_not_needed_to_convert(tmp_path: Path) -> None:
    code = "import sys; from akma_core import library; from pathlib import Path\n"
    code += f"library.converted(Path({str(GOLDEN / 'r64.pkl')!r})); assert 'torch' not in sys.modules"
    environ = {"AKMA_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environ)


def test_two_processes_convert_one_file_at_once(tmp_path: Path) -> None:
    code = (
        f"from akma_core import library; from pathlib import Path; library.converted(Path({str(GOLDEN / 'r64.pkl')!r}))"
    )
    environ = {"AKMA_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    running = [subprocess.Popen([sys.executable, "-c", code], env=environ) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert len(list((tmp_path / "cache" / "networks").iterdir())) == 1


def converted(name: str, tmp_path: Path, *, called: str) -> Path:
    folder = tmp_path / called
    shutil.copytree(library.converted(GOLDEN / f"{name}.pkl"), folder)
    write_card(folder, read_card(folder).model_copy(update={"name": called}))
    return folder


def test_storage_by_name_tag_and_digest(tmp_path: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    sea = library.add(storage, converted("t64", tmp_path, called="sea"))
    sky = library.add(storage, converted("r64", tmp_path, called="sky"))
    assert library.add(storage, tmp_path / "sea") == sea
    assert library.cards(storage) == [sea, sky]
    for model in ("sea", f"sea:{sea.digest[:16]}", sea.digest, sea.digest[:12]):
        assert library.find(storage, model) == sea
    for model in ("se", "sea:", "sea:beef", f"sea:{sky.digest}", sea.digest[:5], "", ":", "../sea"):
        with pytest.raises(RequestError, match=r"unknown model.*ink, sea, sky"):
            library.find(storage, model)


def test_a_name_belongs_to_one_network(tmp_path: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    library.add(storage, converted("t64", tmp_path, called="sea"))
    shutil.rmtree(tmp_path / "sea")
    with pytest.raises(RequestError, match="sea is another network already"):
        library.add(storage, converted("r64", tmp_path, called="sea"))


@pytest.mark.parametrize("name", ["ink", "", "Ä", "A", "../x", "a/b", "-a", "a-", "a" * 63, "net.pkl", "a\nb"])
def test_names_that_no_network_may_have(name: str) -> None:
    with pytest.raises(RequestError) as caught:
        library.check_name(name)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("text", ["My Net (final).v2", "---", "ÄÖÜ", "a" * 200, "x.", "network-snapshot-025000"])
def test_a_file_name_becomes_a_name(text: str) -> None:
    assert library.check_name(library.safe_name(text))


def test_damage_in_storage_is_seen(tmp_path: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    card = library.add(storage, converted("t64_clamp", tmp_path, called="sea"))
    storage.put_bytes(f"models/{card.digest}/{WEIGHTS}", b"rotten")
    with pytest.raises(FailureError, match="import it again"):
        models.local_folder(storage, card)
    storage.put_bytes(f"models/{'0' * 64}/{CARD}", b"{}")
    storage.put_bytes(f"models/{'1' * 64}/{CARD}", card.model_dump_json().encode())
    assert library.cards(storage) == [card], "a card that is none, or lies elsewhere, is passed over"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"<html>", "web page"),
        (b"PK\x03\x04" + b"\0" * 60, "zip"),
        (b"\x80\x04N.", "StyleGAN3"),
        (b"cposix\nsystem\n(S'touch sentinel'\ntR.", ""),
    ],
)
def test_what_is_no_network_is_refused_in_one_line(
    content: bytes, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.pkl").write_bytes(content)
    assert main(["models", "import", str(tmp_path / "net.pkl")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert says in error
    assert not (tmp_path / "sentinel").exists()
    assert not list((tmp_path / "home").rglob("*.json"))
