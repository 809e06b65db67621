"""One log line a request."""

import json

import httpx
import pytest

from tests.support.api_service import Service


def test_a_request_is_one_line_that_says_who_and_what(
    served: Service, ann: httpx.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    ann.get("/v1/models?token=secret")
    with served.client("") as nobody:
        nobody.get("/v1/renders")
        nobody.get("/v1/health")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"message": "request"' in line]
    told = [(line["method"], line["path"], line["status"], line.get("caller")) for line in lines]
    assert told == [("GET", "/v1/models", 200, "ann"), ("GET", "/v1/renders", 401, None)]
    assert all(0 <= line["seconds"] < 10 for line in lines)
