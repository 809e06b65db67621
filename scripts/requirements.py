"""Print the pins of what the service needs at run time: constraints.txt without what only tests need."""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(name: str) -> set[str]:
    """`name` and all that it needs, by their canonical names, extras followed."""
    seen: set[tuple[str, str]] = set()
    todo = [(name, "")]
    while todo:
        package, extra = todo.pop()
        if (package, extra) in seen:
            continue
        seen.add((package, extra))
        try:
            requires = distribution(package).requires or []
        except PackageNotFoundError:
            continue  # for another platform
        for text in requires:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                child = canonicalize_name(requirement.name)
                todo += [(child, each) for each in ("", *requirement.extras)]
    return {package for package, _ in seen}


def main() -> None:
    needed = closure("akma") - {"akma"}
    print("# Written by scripts/lock.sh: the part of constraints.txt that the service needs at run time.")
    for line in Path("constraints.txt").read_text().splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)==", line)
        if match and canonicalize_name(match[1]) in needed:
            print(line)


if __name__ == "__main__":
    main()
