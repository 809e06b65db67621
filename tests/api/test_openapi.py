"""The description of the API: its page, its examples, and schemathesis against all of it."""

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from akma_core.settings import RenderSettings
from tests.support.api_service import KEYS, Service, hand, service, submit

TINY: dict[str, Any] = {"fps": "8", "window_length": "5", "size": "64x64"}


def test_docs_work_without_a_key_and_without_a_network(served: Service) -> None:
    with served.client("") as nobody:
        page = nobody.get("/v1/docs")
        assert page.status_code == 200
        links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert all(link.startswith("/v1/docs/assets/") and nobody.get(link).status_code == 200 for link in links)
        assert len(links) >= 3
        schema = nobody.get("/v1/openapi.json").json()
        assert nobody.get("/v1/docs/assets/..%2f..%2fserver/__init__.py").status_code in (401, 404)
    form = schema["paths"]["/v1/renders"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert {"audio", "song"} < set(form["properties"])
    names = {field.alias or name for name, field in RenderSettings.model_fields.items()}
    assert set(form["properties"]) == names | {"audio", "song", "stems", "settings", "webhook_url", "metadata"}
    assert "null" not in json.dumps(form)


def test_examples_of_the_description_work_as_pasted(served: Service, ann: httpx.Client, song: Path) -> None:
    """The curl lines, by hand: their fields are read out of them."""
    described = ann.get("/v1/openapi.json").json()["paths"]
    lines = re.findall(r"^curl .*$", described["/v1/renders"]["post"]["description"], re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        fields = dict(re.findall(r"-F '?(\w+)=((?:\{[^}]*\})|[^ @']+)", line))
        assert line.count(" -F ") == len(fields) + 1
        assert submit(ann, song, **fields).status_code == 202
    assert served.leftovers == []


def test_cors_is_off_unless_it_is_asked_for(served: Service, ann: httpx.Client, tmp_path: Path) -> None:
    ask = {"Origin": "https://studio.example.com", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in ann.options("/v1/renders", headers=ask).headers
    with service(tmp_path, cors_origins=("https://studio.example.com",)) as served, served.client("") as browser:
        ask["Access-Control-Request-Headers"] = "authorization"
        assert browser.options("/v1/renders", headers=ask).headers["access-control-allow-origin"] == ask["Origin"]
        ask["Origin"] = "https://evil.example.com"
        assert "access-control-allow-origin" not in browser.options("/v1/renders", headers=ask).headers


def test_schemathesis_finds_no_fault(served: Service) -> None:
    schema = schemathesis.openapi.from_url(f"{served.url}/v1/openapi.json")
    until = time.monotonic() + 20
    calls = 0

    def check(case: Any) -> None:
        nonlocal calls
        if time.monotonic() > until:
            return
        response = case.call(headers={"Authorization": f"Bearer {KEYS['root']}"}, timeout=60)
        calls += 1
        assert response.status_code < 500, f"{case.method} {case.path}: {response.text}"

    with hand(served):
        for result in schema.get_all_operations():
            operation: Any = result.ok()  # type: ignore[union-attr]  # an error raises
            if operation.path.endswith("/events"):  # does not end
                continue
            run = given(case=operation.as_strategy())(check)
            settings(
                max_examples=8,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate],
                derandomize=True,
            )(run)()
    assert calls > 50


def test_generated_clients_have_good_names_and_keys(served: Service) -> None:
    with served.client("") as nobody:
        schema = nobody.get("/v1/openapi.json").json()
        assert nobody.get("/v1").json()["docs"] == "/v1/docs"
    ids = [route["operationId"] for path in schema["paths"].values() for route in path.values()]
    assert len(set(ids)) == len(ids)
    assert {"create_render", "list_renders", "get_render", "delete_render", "follow_render", "get_video"} <= set(ids)
    assert schema["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
