"""What is brought along: converted without being run, kept by digest, found by name, the same frames either way."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from akma_core import registry
from akma_core.cli.main import main
from akma_core.errors import FailureError, RequestError
from akma_core.networks.card import CARD, WEIGHTS, read_card, write_card
from akma_core.networks.realesrgan import catalog as realesrgan
from akma_core.networks.realesrgan.architecture import Network
from akma_core.storage import default_url, open_storage
from runners import model_store
from runners.realesrgan import open_upscaler
from tests.support.media import decode_video
from tests.support.upscaler_samples import small_compact

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


def test_a_pkl_by_path_and_by_name_gives_identical_frames(
    tmp_path: Path, song: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pkl = shutil.copy(GOLDEN / "t64_clamp.pkl", tmp_path / "East Sea.pkl")
    assert akma("models", "import", pkl, "--name", "baltic", "--licence", "CC0", home=tmp_path).returncode == 0
    monkeypatch.setenv("AKMA_HOME", str(tmp_path / "akma"))
    assert main(["models", "list"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("baltic")]
    assert "CC0" in line
    digest = line.split()[-2]
    frames = []
    for k, model in enumerate((pkl, "baltic", f"baltic:{digest}")):
        video = tmp_path / f"{k}.mp4"
        assert main(["render", str(song), "-o", str(video), "--model", str(model), "--fps", "6"]) == 0
        frames.append(decode_video(video)[0])
        plan = json.loads(video.with_suffix(".json").read_text())
        frames.append(np.frombuffer(plan["digest"].encode(), np.uint8))
    assert (frames[0] == frames[2]).all()
    assert (frames[0] == frames[4]).all()
    assert (frames[1] == frames[3]).all(), "one network, one digest, one plan"
    shown = akma("models", "show", "baltic", home=tmp_path)
    assert "BENTO" not in shown.stdout
    assert str(tmp_path / "bento" / "models" / "baltic") in shown.stdout
    prefix = tmp_path / "akma" / "storage" / "models"
    assert {path.name for path in prefix.glob("*/*")} == {CARD, WEIGHTS, registry.SHEET}


def test_torch_is_not_needed_to_convert(tmp_path: Path) -> None:
    code = "import sys; from akma_core import registry; from pathlib import Path\n"
    code += f"registry.converted(Path({str(GOLDEN / 'r64.pkl')!r})); assert 'torch' not in sys.modules"
    environ = {"AKMA_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environ)


def test_two_processes_convert_one_file_at_once(tmp_path: Path) -> None:
    code = (
        "from akma_core import registry; from pathlib import Path; "
        f"registry.converted(Path({str(GOLDEN / 'r64.pkl')!r}))"
    )
    environ = {"AKMA_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    running = [subprocess.Popen([sys.executable, "-c", code], env=environ) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert len(list((tmp_path / "cache" / "networks").iterdir())) == 1


def converted(name: str, tmp_path: Path, *, called: str) -> Path:
    folder = tmp_path / called
    shutil.copytree(registry.converted(GOLDEN / f"{name}.pkl"), folder)
    write_card(folder, read_card(folder).model_copy(update={"name": called}))
    return folder


def test_storage_by_name_tag_and_digest(tmp_path: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    sea = registry.add(storage, converted("t64", tmp_path, called="bay"))
    sky = registry.add(storage, converted("r64", tmp_path, called="sky"))
    assert registry.add(storage, tmp_path / "bay") == sea
    assert registry.cards(storage) == [sea, sky]
    for model in ("bay", f"bay:{sea.digest[:16]}", sea.digest, sea.digest[:12]):
        assert registry.find(storage, model) == sea
    for model in ("ba", "bay:", "bay:beef", f"bay:{sky.digest}", sea.digest[:5], "", ":", "../bay"):
        with pytest.raises(RequestError, match=r"unknown model.*dunes, east-sea, ink, sea, bay, sky"):
            registry.find(storage, model)


def test_a_name_belongs_to_one_network(tmp_path: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    registry.add(storage, converted("t64", tmp_path, called="bay"))
    shutil.rmtree(tmp_path / "bay")
    with pytest.raises(RequestError, match="bay is another network already"):
        registry.add(storage, converted("r64", tmp_path, called="bay"))


def test_a_network_has_one_name_until_it_is_removed(tmp_path: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    bay = registry.add(storage, converted("t64", tmp_path, called="bay"))
    shutil.rmtree(tmp_path / "bay")
    cove = converted("t64", tmp_path, called="cove")
    with pytest.raises(RequestError, match="here already, as bay: use that name, or delete it first"):
        registry.add(storage, cove)
    assert registry.cards(storage) == [bay]
    registry.NETWORKS.remove(storage, bay)
    assert list(storage.list("models/")) == []
    assert registry.add(storage, cove).name == "cove"


def test_an_exported_network_is_imported_elsewhere_and_exported_again(tmp_path: Path) -> None:
    """Without a pickle: safetensors and JSON, to the bit."""
    first, second, home = tmp_path / "first", tmp_path / "second", tmp_path / "elsewhere"
    assert main(["models", "export", str(GOLDEN / "protocol5.pkl"), "-o", str(first)]) == 0
    assert {path.name for path in first.iterdir()} == {CARD, WEIGHTS}
    imported = akma("models", "import", first / WEIGHTS, "--name", "ocean", "--licence", "CC0", home=home)
    assert imported.returncode == 0, imported.stderr
    exported = akma("models", "export", "ocean", "-o", second, home=home)
    assert "licence: CC0" in exported.stdout
    card = read_card(second)
    assert (card.name, card.licence, card.digest) == ("ocean", "CC0", read_card(first).digest)
    assert (second / WEIGHTS).read_bytes() == (first / WEIGHTS).read_bytes()


def test_export_writes_over_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "given"
    assert main(["models", "export", str(GOLDEN / "t64_clamp.pkl"), "-o", str(folder)]) == 0
    before = (folder / CARD).read_bytes()
    assert main(["models", "export", str(GOLDEN / "sg2_orig.pkl"), "-o", str(folder)]) == 2
    assert main(["models", "export", "nothing", "-o", str(tmp_path / "none")]) == 2
    (tmp_path / "file").write_text("x")
    assert main(["models", "export", str(GOLDEN / "sg2_orig.pkl"), "-o", str(tmp_path / "file")]) == 2
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 3
    assert "another network in it" in error[0]
    assert "unknown model" in error[1]
    assert "is a file" in error[2]
    assert (folder / CARD).read_bytes() == before


@pytest.mark.parametrize("source", ["sg2_tf.pkl", "sg2_ros.pt", "sg2_cond.pkl"])
def test_files_of_every_format_are_converted_once(source: str) -> None:
    folder = registry.converted(GOLDEN / source)
    assert read_card(folder).kind == "stylegan2"
    assert registry.converted(GOLDEN / source) == folder


@pytest.mark.parametrize(
    "name",
    ["ink", "", "Ä", "A", "../x", "a/b", "-a", "a-", "a" * 63, "net.pkl", "net.pt", "net.pth", "net.ckpt", "a\nb"],
)
def test_names_that_no_network_may_have(name: str) -> None:
    with pytest.raises(RequestError) as caught:
        registry.check_name(name)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("text", ["My Net (final).v2", "---", "ÄÖÜ", "a" * 200, "x.", "network-snapshot-025000"])
def test_a_file_name_becomes_a_name(text: str) -> None:
    assert registry.check_name(registry.safe_name(text))


def test_damage_in_storage_is_seen(tmp_path: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    card = registry.add(storage, converted("t64_clamp", tmp_path, called="bay"))
    storage.put_bytes(f"models/{card.digest}/{WEIGHTS}", b"rotten")
    with pytest.raises(FailureError, match="import it again"):
        model_store.local_folder(storage, card)
    storage.put_bytes(f"models/{'0' * 64}/{CARD}", b"{}")
    storage.put_bytes(f"models/{'1' * 64}/{CARD}", card.model_dump_json().encode())
    assert registry.cards(storage) == [card], "a card that is none, or lies elsewhere, is passed over"


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


# --- upscalers


def save_pth(path: Path, network: Network, key: str = "params") -> Path:
    torch.save({key: network.state_dict()}, path)
    return path


def test_an_upscaler_of_ones_own(
    tmp_path: Path, network: Path, song: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pth = save_pth(tmp_path / "My Net_x2.pth", small_compact(2))
    assert main(["models", "import-upscaler", str(pth), "--licence", "CC0"]) == 0
    said = capsys.readouterr().out
    assert "my-net_x2" in said
    assert main(["models", "list"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("my-net_x2"))
    assert line.split()[1:5] == ["SRVGGNetCompact,", "2", "times", "larger"]
    digest = line.split()[-2]
    assert line.endswith("CC0")
    assert main(["models", "show", "my-net_x2"]) == 0
    assert "My Net_x2.pth (sha256" in capsys.readouterr().out
    videos = []
    for k, wish in enumerate((pth, "my-net_x2", f"my-net_x2:{digest}", digest)):
        video = tmp_path / f"{k}.mp4"
        arguments = ["render", song, "--model", network, "--fps", 2, "-o", video, "--upscale", wish]
        assert main([*map(str, arguments)]) == 0, capsys.readouterr().err
        videos.append(video.read_bytes())
    assert len(set(videos)) == 1
    assert {json.loads((tmp_path / f"{k}.json").read_text())["digest"] for k in range(4)} == {
        json.loads((tmp_path / "0.json").read_text())["digest"]
    }, "one network, one digest, one plan"
    pth.unlink()
    again = ["render", str(song), "--manifest", str(tmp_path / "0.json"), "-o", str(tmp_path / "again.mp4")]
    assert main(again) == 2
    assert main([*again, "--upscale", "my-net_x2"]) == 0, "the same network under another name"
    assert (tmp_path / "again.mp4").read_bytes() == videos[0]
    assert main(["upscale", str(tmp_path / "0.mp4"), "-o", str(tmp_path / "out"), "--upscale", "my-net_x2"]) == 0
    assert decode_video(tmp_path / "out" / "0.mp4")[0].shape == (6, 384, 256)
    kept = {path.relative_to(own_home).as_posix() for path in own_home.rglob("*") if path.is_file()}
    files = (realesrgan.CARD, realesrgan.WEIGHTS)
    full = json.loads((tmp_path / "0.json").read_text())["plan"]["upscale"]["digest"]
    assert kept == {f"{place}/upscalers/{full}/{name}" for place in ("storage", "cache") for name in files}


def test_the_denoise_strength(tmp_path: Path, own_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = save_pth(tmp_path / "general.pth", small_compact()), tmp_path / "wdn.pth"
    torch.save({"params": {name: value * 0.5 for name, value in small_compact().state_dict().items()}}, second)
    command = ["models", "import-upscaler", str(first), "--name", "half"]
    both = [["--with", str(second), "--denoise", share] for share in ("1.5", "nan", "x")]
    absent = ["--with", str(tmp_path / "no.pth"), "--denoise", "1"]
    for wrong in (["--denoise", "0.5"], ["--with", str(second)], absent, *both):
        assert main([*command, *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not own_home.exists()
    assert main([*command, "--with", str(second), "--denoise", "0.5"]) == 0
    (card,) = registry.UPSCALERS.cards(open_storage((own_home / "storage").as_uri()))
    assert "0.5 of general.pth" in card.source
    weights = open_upscaler("half", torch.device("cpu")).network.state_dict()
    for name, value in small_compact().state_dict().items():
        assert torch.allclose(weights[name], value * 0.75), name


@pytest.mark.parametrize(
    "name", ["none", "ink", "realesr-animevideov3", "realesrgan-x4plus", "a.pth", "A", "a/b", "x.pt"]
)
def test_names_that_no_upscaler_may_have(
    name: str, tmp_path: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pth = save_pth(tmp_path / "net.pth", small_compact())
    assert main(["models", "import-upscaler", str(pth), "--name", name]) == 2
    assert "cannot be a name" in capsys.readouterr().err
    assert not own_home.exists()


def test_an_upscalers_name_belongs_to_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage = open_storage(default_url())
    registry.add(storage, converted("t64", tmp_path, called="bay"))
    one, two = save_pth(tmp_path / "one.pth", small_compact()), save_pth(tmp_path / "two.pth", small_compact(2))
    command = ["models", "import-upscaler"]
    assert main([*command, str(one), "--name", "bay"]) == 2
    assert "bay is a network of yours" in capsys.readouterr().err
    assert main([*command, str(one), "--name", "sky"]) == main([*command, str(one), "--name", "sky"]) == 0
    assert main([*command, str(two), "--name", "sky"]) == 2
    assert "sky is another network already" in capsys.readouterr().err
    with pytest.raises(RequestError, match=r"unknown upscaler 'hill'.*realesrgan-x4plus, sky"):
        open_upscaler("hill", torch.device("cpu"))


def test_an_upscaler_damaged_in_storage_is_seen(tmp_path: Path, own_home: Path) -> None:
    assert main(["models", "import-upscaler", str(save_pth(tmp_path / "net.pth", small_compact()))]) == 0
    storage = open_storage(default_url())
    (card,) = registry.UPSCALERS.cards(storage)
    storage.put_bytes(f"upscalers/{card.digest}/{realesrgan.WEIGHTS}", b"rotten")
    with pytest.raises(FailureError, match="import it again"):
        open_upscaler("net", torch.device("cpu"))
    assert not list((own_home / "cache").rglob("*.safetensors"))


class Calls:
    """Pickles as a call that makes a folder."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def hostile(path: Path) -> dict[str, bytes]:
    """Files that are no upscalers, by what is said of them."""
    good = {"params": small_compact().state_dict()}
    values = {
        "do not trust it": good | {"x": Calls(path / "made")},
        "holds NaN": {"params": {**good["params"], "body.0.bias": torch.full((8,), torch.nan)}},
        "should have shape": {"params": {**good["params"], "body.0.weight": torch.zeros(8, 3, 5, 5)}},
        "neither SRVGGNetCompact nor RRDBNet": {"params": {"a": torch.zeros(3)}},
        "no plain tensors": {"a": 1},
    }
    files = {"neither a .pth": b"<html>", "there is no such file": b""}
    for says, value in values.items():
        stream = io.BytesIO()
        torch.save(value, stream)
        files[says] = stream.getvalue()
    return files


def test_what_is_no_upscaler_is_refused_in_one_line(
    tmp_path: Path, own_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for says, content in hostile(tmp_path).items():
        pth = tmp_path / "net.pth"
        pth.write_bytes(content) if content else pth.unlink()
        assert main(["models", "import-upscaler", str(pth)]) == 2, says
        error = capsys.readouterr().err
        assert says in error
        assert error.count("\n") == 1
    assert not (tmp_path / "made").exists()
    assert not own_home.exists()
