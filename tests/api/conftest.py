"""A service of the module's own, and its callers: two users and an administrator."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.api_service import Service, service


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture
def ann(served: Service) -> Iterator[httpx.Client]:
    with served.client("ann") as client:
        yield client


@pytest.fixture
def bob(served: Service) -> Iterator[httpx.Client]:
    with served.client("bob") as client:
        yield client


@pytest.fixture
def root(served: Service) -> Iterator[httpx.Client]:
    with served.client("root") as client:
        yield client
