"""The settings as pages draw them."""

import httpx

from akma_core.modulation.presets import preset_names
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
    assert {"name": "kick", "kind": "events", "text": "kick drum"} in told["features"]
    assert next(each for each in told["targets"] if each["name"] == "pull")["rows"] is True
    assert told["limits"]["hits"] == 50_000
    assert told["caller"] == {"name": "ann", "role": "user"}
    assert root.get("/v1/settings").json()["caller"]["role"] == "admin"
