"""A worker as the product has it, before a real SMTP server."""

from collections.abc import AsyncIterator

import pytest

from gatepost.database.connection import Database
from gatepost.parts import prepare_with
from gatepost.testing import SubmissionServer
from tests.support.clock import MovableClock
from tests.support.delivery import Delivery, smtp_to
from tests.support.flows import Flows
from tests.support.suppressing import HIDING


@pytest.fixture
async def server() -> AsyncIterator[SubmissionServer]:
    """A submission server that takes everything."""
    async with SubmissionServer() as running:
        yield running


@pytest.fixture
def delivery(database: Database, server: SubmissionServer, clock: MovableClock, flows: Flows) -> Delivery:
    """A worker that asks about suppressions and makes links, as the product's does."""
    return Delivery(database, smtp_to(server.port), clock, prepare=prepare_with(HIDING, flows.links.prepare))
