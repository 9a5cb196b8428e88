"""A real SMTP server for the tests of what comes back."""

from collections.abc import AsyncIterator

import pytest

from gatepost.testing import SubmissionServer


@pytest.fixture
async def server() -> AsyncIterator[SubmissionServer]:
    """A submission server that does what the test asks."""
    async with SubmissionServer() as running:
        yield running
