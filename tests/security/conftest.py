"""A running service for the tests of what a stranger can do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.security.house import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    """A service in development without rate limits, not started."""
    return House(tmp_path, rate_limits=False)


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    """A client of the running house."""
    with house.client() as running:
        yield running
