"""Wheel and sdist: built from what a clone has, installed in an environment that has no clone, and used there."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from tests.support.serving import Service
from tests.support.songs import write_song

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
LEFT = shutil.ignore_patterns(".*", "build", "dist", "node_modules", "__pycache__", "*.egg-info", "data", "secrets")


def build(source: Path, kind: str, to: Path) -> Path:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--skip-dependency-check",
        f"--{kind}",
        "-o",
        to,
        source,
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=to, env=clean())
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return next(to.iterdir())


def clean(**more: str) -> dict[str, str]:
    """This process' environment, without the way to the clone."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    shutil.copytree(ROOT, folder / "clone", ignore=LEFT)
    (folder / "dist").mkdir()
    with tarfile.open(build(folder / "clone", "sdist", folder / "dist")) as packed:
        packed.extractall(folder, filter="data")
    return next(folder.glob("akma-*"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(sdist, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def akma(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in an environment of the wheel, this one's libraries, and somebody's own `runners` and `service`."""
    folder = tmp_path_factory.mktemp("env")
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    # What lies on a path that a .pth file names is found, but no .pth file in there is read: not that of a clone.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    for name in ("runners", "service"):
        (site / f"{name}.py").write_text("raise SystemExit('this is somebody else's')")
    pip: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        folder / "bin/python",
        "install",
        "--quiet",
        "--no-index",
    ]
    subprocess.run([*pip, "--no-deps", wheel], check=True, env=clean(), cwd=folder)
    return folder / "bin/akma"


def test_a_wheel_takes_no_common_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
    assert {name.split("/")[0] for name in names} == {"akma_core", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}
    ears = (f"audio/features/{name}-net.npz" for name in ("hits", "notes"))
    for name in ("served/service.py", "served/runners/worker.py", *ears, "py.typed"):
        assert f"akma_core/{name}" in names
    page = (ROOT / "akma_core/api/static/index.html").is_file()
    assert ("akma_core/api/static/index.html" in names) == page
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name or "node_modules" in name]


def test_a_wheel_serves(akma: Path, tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", 0.5)
    service = Service(tmp_path / "home")
    service.command, service.folder = [str(akma)], tmp_path
    service.environ = {name: value for name, value in service.environ.items() if name != "PYTHONPATH"}
    service.start()
    try:
        page = httpx.get(f"{service.url}/studio/")
        assert page.status_code == (200 if (ROOT / "akma_core/api/static/index.html").is_file() else 404)
        command: list[str | Path] = [
            akma,
            "submit",
            song,
            "-o",
            tmp_path / "served.mp4",
            "--server",
            service.url,
            "--seed",
            "1",
            "--fps",
            "8",
        ]
        done = subprocess.run(command, capture_output=True, text=True, env=clean(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr + service.tail()
    finally:
        service.kill()
    command = [akma, "render", song, "-o", tmp_path / "here.mp4", "--seed", "1", "--fps", "8"]
    done = subprocess.run(command, capture_output=True, text=True, env=clean(AKMA_HOME=str(tmp_path)), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "here.mp4").read_bytes() == (tmp_path / "served.mp4").read_bytes()


def test_doctor_finds_the_device(akma: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [akma, "doctor", "device"]
    done = subprocess.run(command, capture_output=True, text=True, env=clean(AKMA_HOME=str(tmp_path)), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_sdist_has_its_tests(sdist: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/test_settings.py",
        "tests/test_status.py",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=clean(AKMA_HOME=str(tmp_path)), cwd=sdist)
    assert done.returncode == 0, done.stdout[-2000:]
