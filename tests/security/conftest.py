"""Running services for the tests of what a stranger can do; one of each for all tests of a file."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.security.house import House, in_production
from tests.security.person import Person


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A service in development without rate limits."""
    return House(tmp_path_factory.mktemp("house"), rate_limits=False)


@pytest.fixture(scope="module")
def client(house: House) -> Iterator[TestClient]:
    """A client of the running house."""
    with house.client() as running:
        yield running


@pytest.fixture
def person(house: House, client: TestClient) -> Person:
    """Somebody with an account there, and a mailed token of every kind."""
    return Person(house, client)


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A service in production behind a proxy on this machine, which welcomes at once."""
    folder = tmp_path_factory.mktemp("production")
    return in_production(folder, trusted_proxies="127.0.0.0/8", welcome="at_registration")


@pytest.fixture(scope="module")
def gate(production: House) -> Iterator[TestClient]:
    """A client of the service in production, at https://gate.example.com."""
    with production.client() as running:
        yield running
