"""Terraform: variables, references, rights, without a cloud."""

import re
from pathlib import Path
from typing import Any

import pytest

from akma_core.config import unknown
from tests.support.deploy import MODULES


def hcl(folder: Path) -> list[dict[str, Any]]:
    parser = pytest.importorskip("hcl2", reason="python-hcl2 is not installed")
    return [parser.loads(path.read_text()) for path in sorted(folder.glob("*.tf"))]


def blocks(folder: Path, kind: str, depth: int) -> dict[str, Any]:
    """Blocks by their labels, joined with dots."""
    found: dict[str, Any] = {}
    for file in hcl(folder):
        for block in file.get(kind, []):
            for first, inner in block.items():
                if depth == 1:
                    found[first.strip('"')] = inner
                else:
                    found |= {f"{first}.{second}".replace('"', ""): body for second, body in inner.items()}
    return found


def code(folder: Path) -> str:
    """All of a module's Terraform, without comments and descriptions."""
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    return re.sub(r"(?m)(^|\s)#.*$|^\s*(description|error_message) .*$", "", text)


@pytest.mark.parametrize("folder", MODULES, ids=lambda path: path.name)
def test_variables_are_declared_described_and_used(folder: Path) -> None:
    declared = blocks(folder, "variable", 1)
    assert set(re.findall(r"\bvar\.(\w+)", code(folder))) == set(declared)
    for name, variable in declared.items():
        assert "type" in variable, name
        assert len(variable["description"]) > 10, name
    assert all("description" in output for output in blocks(folder, "output", 1).values())


@pytest.mark.parametrize("folder", MODULES, ids=lambda path: path.name)
def test_references_exist(folder: Path) -> None:
    text = code(folder)
    resources = blocks(folder, "resource", 2)
    assert set(re.findall(r"(?<![\w.\"])(google_\w+\.\w+)", text)) <= set(resources)
    drawn = blocks(folder, "ephemeral", 2)
    assert set(re.findall(r"\bephemeral\.(\w+\.\w+)", text)) == set(drawn)
    declared = {name for file in hcl(folder) for block in file.get("locals", []) for name in block}
    assert set(re.findall(r"\blocal\.(\w+)", text)) == {name for name in declared if not name.startswith("__")}
    for path in re.findall(r"\$\{path\.module\}/([\w.-]+)", text):
        assert (folder / path).is_file()


@pytest.mark.parametrize("folder", [MODULES[0], MODULES[2]], ids=lambda path: path.name)
def test_modules_fit_together(folder: Path) -> None:
    base = blocks(folder, "module", 1)["base"]
    given = set(base) - {"source", "depends_on", "__is_block__", "__comments__"}
    assert given == set(blocks(MODULES[1], "variable", 1))
    assert set(re.findall(r"\bmodule\.base\.(\w+)", code(folder))) <= set(blocks(MODULES[1], "output", 1))
    example = (folder / "terraform.tfvars.example").read_text()
    declared = blocks(folder, "variable", 1)
    assert set(re.findall(r"^(?:# )?(\w+) +=", example, re.M)) <= set(declared)
    needed = {name for name, variable in declared.items() if "default" not in variable}
    assert needed <= set(re.findall(r"^(\w+) +=", example, re.M))


@pytest.mark.parametrize("folder", MODULES, ids=lambda path: path.name)
def test_versions_are_ranges(folder: Path) -> None:
    text = (folder / "versions.tf").read_text()
    versions = re.findall(r'version += "([^"]+)"', text)
    assert len(versions) == 3
    assert all(re.fullmatch(r">= [\d.]+, < [\d.]+", version) for version in versions)


def test_nobody_comes_in_but_the_balancer() -> None:
    rules = {name: body for name, body in blocks(MODULES[0], "resource", 2).items() if "firewall" in name}
    ranges = {name: body["source_ranges"] for name, body in rules.items()}
    assert ranges == {
        "google_compute_firewall.balancer": ['"35.191.0.0/16"', '"130.211.0.0/22"'],
        "google_compute_firewall.ssh": ['"35.235.240.0/20"'],
    }
    assert not any("access_config" in code(folder) for folder in MODULES)
    database = blocks(MODULES[1], "resource", 2)["google_sql_database_instance.akma"]["settings"][0]
    assert database["ip_configuration"][0]["ipv4_enabled"] is False
    assert database["ip_configuration"][0]["ssl_mode"] == '"ENCRYPTED_ONLY"'
    bucket = blocks(MODULES[1], "resource", 2)["google_storage_bucket.akma"]
    assert bucket["uniform_bucket_level_access"] is True
    assert bucket["public_access_prevention"] == '"enforced"'


def test_nodes_have_few_rights() -> None:
    assert set(re.findall(r'"(roles/[\w.]+)"', code(MODULES[1]))) == {
        "roles/artifactregistry.reader",
        "roles/logging.logWriter",
        "roles/monitoring.metricWriter",
        "roles/secretmanager.secretAccessor",
        "roles/storage.objectUser",
    }


def test_passwords_stay_out_of_the_state() -> None:
    text = "".join(code(folder) for folder in MODULES)
    assert not re.search(r'\bresource "random_|secret_data +=|\n *password +=', text)


def test_lifecycle_knows_the_folders_of_what_passes() -> None:
    from akma_core.jobs.cleanup import SHORT_LIVED

    rules = blocks(MODULES[1], "resource", 2)["google_storage_bucket.akma"]["lifecycle_rule"]
    prefixes = [rule["condition"][0].get("matches_prefix", []) for rule in rules]
    assert [f'"{prefix}"' for prefix in SHORT_LIVED] in prefixes


def test_settings_of_nodes_are_akmas() -> None:
    text = code(MODULES[0]) + code(MODULES[2]) + code(MODULES[1]) + (MODULES[0] / "cloud-init.yaml").read_text()
    named = {name.removesuffix("_FILE") for name in re.findall(r"\bAKMA_[A-Z_]+\b", text)} - {"AKMA_", "AKMA_NAME"}
    assert unknown(dict.fromkeys(named, "")) == []


# A node
