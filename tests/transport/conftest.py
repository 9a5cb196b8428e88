"""A real server on loopback and a transport that talks to it."""

import typing
from collections.abc import AsyncIterator

import pytest

from gatepost.testing import SubmissionServer
from gatepost.transport.smtp import Client
from tests.support.certificates import Authority, make_authority
from tests.transport.submitting import Line, opened


@pytest.fixture
async def server() -> AsyncIterator[SubmissionServer]:
    async with SubmissionServer() as server:
        yield server


@pytest.fixture(params=typing.get_args(Client))
def client(request: pytest.FixtureRequest) -> Client:
    """Each of the two clients: ours, and aiosmtplib, its referee."""
    return typing.cast(Client, request.param)


@pytest.fixture
async def line(server: SubmissionServer, client: Client) -> AsyncIterator[Line]:
    async with opened(server, client=client) as line:
        yield line


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))
