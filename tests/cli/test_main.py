"""The command itself: help, version, its process."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from akma_core.settings import RenderSettings
from tests.support.command import Akma, tree

RANGES = {
    "fps": ["1 to 240", "default: 30"],
    "window_length": ["frames", "odd", "1 to 9999", "default: 33"],
    "polyorder": ["0 to 15", "default: 3"],
    "compression": ["above 0 to 1000", "default: 1.0"],
    "model": ["default: ink"],
    "class": ["0 to", "default: 0"],
    "own_curve": ["default: where one of them is given"],
    "original": ["default: off"],
    "shape": ["16:9", "640x360", "default: the network's"],
    "canvas": ["auto", "wide", "mirrored", "fitted", "panelled", "default: auto"],
    "flash_limit": ["on, strict", "off", "default: on"],
    "preset": ["akma presets", "default: pulse"],
    "strength": ["0 to 2", "default: 1.0"],
    "modulation": ["FEATURE -> TARGET", "default: none"],
    "own_rows": ["preset", "default: off"],
    "hits": ["seconds", "0 to 1", "CSV or JSON", "default: those that are found"],
    "keys": ["seed 12 at 0:31 hold 2", "default: none"],
    "loop": ["whole bars", "default: off"],
    "seeds_top_num": ["4 or more", "default: 0.8 for each second"],
    "seeds_bottom_num": ["4 or more", "default: 0.27 for each second"],
    "seeds_top": ["at least 4", "default: drawn"],
    "seeds_bottom": ["at least 4", "default: drawn"],
    "seed": ["0 to 4294967295", "default: follows from the song"],
    "truncation_psi": ["-10 to 10", "default: 1.0"],
    "noise": ["const", "none", "random", "default: const"],
    "upscale": ["realesr-animevideov3", "default: none"],
    "outscale": ["1 to 4", "default: the upscaler's, 4"],
    "size": ["16x16 to 8192x8192", "default: as outscale"],
    "start": ["second", "0 or more", "default: 0.0"],
    "duration": ["seconds", "above 0", "default: to the end"],
    "crf": ["1 (", "51 (", "default: 16.0"],
    "bit_rate": ["bits a second", "10k to 1000M", "default: none"],
    "encoder": ["auto, x264, or nvenc", "default: auto"],
    "channels": ["mean", "loudest", "default: mean"],
    "audio_codec": ["aac", "alac", "flac", "default: aac"],
    "device": ["auto, cpu, cuda or cuda:N", "default: auto"],
    "manifest": ["default: none"],
    "overwrite": ["default: refuse"],
    "stem": ["drums=drums.wav", "repeatable"],
    "curve": ["CSV, JSON", "repeatable"],
}
NO_SETTINGS = {"manifest", "overwrite", "stem", "curve"}
SETTING = {"modulate": "modulation", "keyframe": "keys"}  # of options given once for each


def test_help_gives_every_option_with_its_range_and_default(akma: Akma, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    fields = {field.alias or name for name, field in RenderSettings.model_fields.items()} - {"curves"}  # --curve
    assert fields == RANGES.keys() - NO_SETTINGS
    commands = {"render": set(RANGES), "waveform": {"fps", "window_length", "polyorder", "compression", "original",
                "channels", "start", "duration", "own_curve", "preset", "strength", "modulation", "hits", "stem",
                "curve"},
                "seeds": {"model", "class", "truncation_psi", "noise", "device", "seeds", "rank"}}  # fmt: skip
    for command, expected in commands.items():
        shown = akma(command, "--help")
        assert (shown.code, shown.err) == (0, "")
        options = dict(re.findall(r"^  (?:-\w.*, )?--([a-z-]+)(?: [^ ]+)? +(.*)$", shown.out, re.MULTILINE))
        found = {SETTING.get(name, name.replace("-", "_")): text for name, text in options.items()}
        assert found.keys() - {"help", "output"} == expected
        for name in expected - {"seeds", "rank"}:
            for words in RANGES[name]:
                assert words in found[name], name
    assert "default: 0-15" in akma("seeds", "--help").out
    for command in ("render", "upscale", "waveform", "features", "presets", "seeds", "models"):
        assert re.search(rf"^    {command} ", akma("--help").out, re.MULTILINE)


def test_version(akma: Akma) -> None:
    assert re.fullmatch(r"akma \d+\.\d+\.\d+\n", akma("--version").out)


def test_help_and_waveform_do_without_torch(song: Path, out: Path) -> None:
    code = f"""
import sys
from akma_core.cli.main import main
waveform = ["waveform", {str(song)!r}, "-o", {str(out / "c.png")!r}]
for arguments in (["--help"], ["render", "--help"], ["models", "list"], waveform):
    try:
        assert main(arguments) == 0
    except SystemExit as stop:
        assert not stop.code
    assert "torch" not in sys.modules, arguments
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (out / "c.png").exists()


def test_a_process_of_its_own_says_one_line(out: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "akma_core.cli", "waveform", __file__, "-o", str(out / "x.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"akma: test_main\.py: .*\n", done.stderr)
    assert not tree(out)


def test_a_reader_that_went_away() -> None:
    """`akma models list | head -0` says nothing."""
    command = f"{sys.executable} -W error -m akma_core.cli models show ink | head -c 0"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stdout_is_no_error_of_ours(song: Path, out: Path, closing: str) -> None:
    code = "import sys; from akma_core.cli.main import main; sys.exit(main())"
    command = f'"{sys.executable}" -c "{code}" waveform "{song}" -o "{out / "curve.csv"}" {closing}'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (out / "curve.csv").stat().st_size > 100
