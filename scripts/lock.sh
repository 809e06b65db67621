#!/bin/sh
# Write constraints.txt from what is installed in .venv: the exact set that is tested; and the part of it that the
# service needs at run time as requirements.txt, for the bento and the image.
set -eu
cd "$(dirname "$0")/.."
{
    echo "# Written by scripts/lock.sh from a tested environment. torch is pinned by hand: anything may replace it."
    .venv/bin/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools | sed 's/+cpu$//' | sort -f
} > constraints.new
mv constraints.new constraints.txt
.venv/bin/python scripts/requirements.py > requirements.new
mv requirements.new requirements.txt
