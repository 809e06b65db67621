"""Supervisor of a service's processes: `bentoml serve`, with what they count in a folder of this service's own.

    python -P runners/supervisor.py FOLDER serve ...

BentoML keeps the counts of all services of a user in one folder, and empties that at the start of each.
"""

import sys


def main() -> None:
    from bentoml._internal.configuration.containers import BentoMLContainer
    from bentoml_cli.cli import cli

    folder, *arguments = sys.argv[1:]
    BentoMLContainer.prometheus_multiproc_dir.set(folder)
    cli(arguments, prog_name="bentoml")


if __name__ == "__main__":
    main()
