"""A socket that listens."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.control import Place


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A socket that listens."""
    place = Place(tmp_path)
    await place.control.open()
    yield place
    await place.control.close()
