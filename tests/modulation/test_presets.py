from pathlib import Path

import pytest

from akma_core.errors import RequestError
from akma_core.modulation.grammar import line_of
from akma_core.modulation.presets import BUILT_IN, find_preset, parse_preset, preset_names, read_preset

PLAIN = 'name = "mine"\nmodulation = ["hit -> pull 0.4"]\n'


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AKMA_HOME", str(tmp_path))
    (tmp_path / "presets").mkdir()
    return tmp_path / "presets"


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.toml")), ids=lambda path: path.stem)
def test_a_preset_of_the_package(path: Path) -> None:
    preset = read_preset(path)
    assert preset.name == path.stem
    assert preset.description


def test_names_begin_with_the_default() -> None:
    assert preset_names()[:2] == ["pulse", "akma"]
    assert {"step", "club", "camera", "breathe", "ambient", "chapters"} < set(preset_names())


def test_chapters_is_pulse_in_sections() -> None:
    assert find_preset("chapters").modulation == find_preset("pulse").modulation


def test_ones_own_come_first(home: Path, tmp_path: Path) -> None:
    (home / "mine.toml").write_text(PLAIN)
    (home / "pulse.toml").write_text(PLAIN)
    assert find_preset("mine").name == "mine"
    assert line_of(find_preset("pulse").modulation[0]) == "hit -> pull 0.4"
    assert "mine" in preset_names()
    other = tmp_path / "other.toml"
    other.write_text(PLAIN)
    assert find_preset(str(other)).name == "mine"
    with pytest.raises(RequestError, match="unknown preset"):
        find_preset(str(other), files=False)


def test_rows_are_tables_or_lines() -> None:
    text = (
        'name = "x"\n[walk]\ntop = "integral"\n[[modulation]]\nfeature = "loudness"\ntarget = "walk.blend"\n'
        "amount = 1.0\nrange = [0.0, 1.0]\n[modulation.shape]\nwindow = 99\npolyorder = 3\npower = 1.3\n"
    )
    preset = parse_preset(text)
    assert preset.walk.top == "integral"
    expected = "loudness -> walk.blend 1 range=0,1 window=99 polyorder=3 power=1.3"
    assert line_of(preset.modulation[0]) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "is not TOML: Invalid value"),
        ("modulation = []", "name is missing"),
        ('name = "a b"', "name must match pattern"),
        ('name = "a"\nversion = 2', "version must be 1"),
        ('name = "a"\ncolour = 2', "unknown key 'colour'"),
        ('name = "a"\n[walk]\ntop = "fast"', "walk must be 'even'"),
        (
            'name = "a"\nmodulation = ["hit -> pull", "hit -> pull 7"]',
            "modulation row 2 (hit -> pull): amount must be 0 to 1",
        ),
        (
            'name = "a"\n[[modulation]]\nfeature = "hit"\ntarget = "pull"\ndecay = 1',
            "modulation row 1 (hit -> pull): unknown key 'decay'",
        ),
        ("[" * 3000, "is not TOML"),
    ],
)
def test_a_bad_preset_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(RequestError) as caught:
        find_preset(str(path))
    assert caught.value.message.startswith(f"preset {path}: {message}")
    assert "\n" not in caught.value.message
    assert caught.value.field == "preset"


def test_what_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(RequestError, match="cannot read preset"):
            read_preset(path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RequestError, match="not text in UTF-8"):
        read_preset(tmp_path / "bytes.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * (1 << 19))
    with pytest.raises(RequestError, match="larger than"):
        read_preset(tmp_path / "large.toml")
    for name in ("../secrets", "/etc/passwd", "nobody"):
        with pytest.raises(RequestError, match="unknown preset"):
            find_preset(name, files=False)
