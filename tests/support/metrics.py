"""Reading Prometheus' text format, and the table of the docs."""

import re

from prometheus_client.parser import text_string_to_metric_families

from tests.support.browser import ROOT


def samples(text: str) -> dict[str, float]:
    """Every sample by its name and labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            found[sample.name + "".join(f",{key}={value}" for key, value in sample.labels.items())] = sample.value
    return found


def documented() -> dict[str, str]:
    """Names and types of docs/metrics.md."""
    return dict(re.findall(r"^\| `(akma_\w+)` \| (\w+) \|", (ROOT / "docs/metrics.md").read_text(), re.M))
