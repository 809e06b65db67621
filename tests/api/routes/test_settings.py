"""The settings as pages draw them."""

import re

import httpx
import pytest

from akma_core.api.motion_schema import ROW_KEYS, RowKey, bounds
from akma_core.modulation.grammar import parse_line
from akma_core.modulation.presets import find_preset, preset_names
from akma_core.modulation.rows import Row, Shape
from akma_core.settings import RenderSettings


def test_every_setting_says_how_it_is_drawn(ann: httpx.Client, root: httpx.Client) -> None:
    told = ann.get("/v1/settings").json()
    known = {field.alias or name for name, field in RenderSettings.model_fields.items()}
    properties = told["schema"]["properties"]
    assert set(properties) == known
    for name, each in properties.items():
        assert each["title"], name
        assert each["description"], name
        assert each["x-group"] in ("curve", "beats", "look", "motion", "output"), name
    assert properties["compression"]["x-step"] == 0.05
    assert properties["truncation_psi"]["minimum"] == -10
    assert told["presets"] == list(preset_names())
    assert {"name": "kick", "title": "Kick drum", "kind": "events", "text": "kick drum"} in told["features"]
    assert next(each for each in told["targets"] if each["name"] == "pull")["rows"] is True
    assert told["limits"]["hits"] == 50_000
    assert told["caller"] == {"name": "ann", "role": "user"}
    assert root.get("/v1/settings").json()["caller"]["role"] == "admin"


def test_a_page_finds_words_for_all_of_a_row(ann: httpx.Client) -> None:
    told = ann.get("/v1/settings").json()
    features, targets = ({each["name"]: each for each in told[name]} for name in ("features", "targets"))
    assert features["chroma:11"]["title"] == "Tone B"
    assert [each["name"] for each in targets["pull"]["choices"]][:2] == ["all", "coarse"]
    assert all(each["title"] for each in (*features.values(), *targets.values()))
    # What a page draws by itself: the feature, the target with what follows its colon, and the amount.
    drawn = {"feature", "source", "target", "amount", "direction", "class_index", "shape"}
    keys = {each["name"] for each in told["row_keys"]}
    assert keys == (set(Row.model_fields) | set(Shape.model_fields)) - drawn
    for row in (row for name in preset_names() for row in find_preset(name, files=False).modulation):
        assert row.feature in features, row
        assert row.target in targets, row


@pytest.mark.parametrize("key", ROW_KEYS, ids=lambda key: f"{key.name} of {key.kind or 'all'}")
def test_a_key_goes_with_what_it_says(key: RowKey) -> None:
    for target in key.targets or ("exposure", "walk.step"):
        events = key.kind == "events" or target == "walk.step"
        if events and key.kind == "curve":
            continue
        feature = "hit" if events else "loudness"
        about = ":x.npy" if target == "direction" else ":3" if target == "class" else ""
        word = {"pair": f"{key.name}=0,50", "text": f"{key.name}=coarse", "flag": key.name}.get(key.form)
        word = {"polyorder": "polyorder=2", "window": "window=5", "raw": "raw range=-1,1"}.get(key.name, word)
        word = word or f"{key.name}={bounds(key)['maximum']:g}"
        more = " window=5" * (key.name == "polyorder")
        parse_line(f"{feature} -> {target}{about} {word}{more}", 1)


def test_help_on_a_page_names_no_option(ann: httpx.Client) -> None:
    told = ann.get("/v1/settings").json()
    names = "|".join(name for name in told["schema"]["properties"] if "_" in name)
    advanced = {"curves", "keys", "hits"}  # not drawn as fields
    texts = [each["description"] for name, each in told["schema"]["properties"].items() if name not in advanced]
    texts += [each["description"] for each in ann.get("/v1/presets").json()["presets"]]
    texts += [each["text"] for name in ("features", "targets", "row_keys") for each in told[name]]
    assert [text for text in texts if re.search(rf"--|`akma|{names}|\*\*", text)] == []
