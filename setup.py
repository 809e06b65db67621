"""Build step beyond pyproject.toml: a wheel carries service.py and runners/ inside akma_core, see akma_core.cli."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildPy(build_py):
    """Build of the modules, and of what is served in akma_core/served."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        served = Path(self.build_lib) / "akma_core" / "served"
        shutil.rmtree(served, ignore_errors=True)
        shutil.copytree("runners", served / "runners", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy("service.py", served)


setup(cmdclass={"build_py": BuildPy})
