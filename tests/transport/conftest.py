"""A real server on loopback and a transport that talks to it."""

from collections.abc import AsyncIterator

import pytest

from gatepost.testing import SubmissionServer
from tests.support.certificates import Authority, make_authority
from tests.transport.submitting import Line, opened


@pytest.fixture
async def server() -> AsyncIterator[SubmissionServer]:
    async with SubmissionServer() as server:
        yield server


@pytest.fixture
async def line(server: SubmissionServer) -> AsyncIterator[Line]:
    async with opened(server) as line:
        yield line


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))
