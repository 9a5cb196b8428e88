"""The line to PostgreSQL breaks around a COMMIT: nobody knows whether it was done, and asking again does no harm."""

import asyncio
import json
from urllib.parse import urlsplit, urlunsplit

import pytest

from gatepost.testing import SubmissionServer
from tests.faults.postgresql.conftest import MakeInstallation
from tests.faults.rest import stopped_books
from tests.support.driver import registration
from tests.support.proxy import CommitProxy, Cut
from tests.support.service import Service
from tests.support.tables import PostgresqlTables

ADDRESS = "mira@people.example"
KEY = "9f7f6d3e-0d1c-4f0e-8f4e-6b1d2c3a4b5c"


@pytest.mark.parametrize(
    ("when", "stored"),
    [pytest.param("before", 0, id="before it arrives"), pytest.param("after", 1, id="before its answer")],
)
async def test_a_repeat_after_an_unknown_commit_makes_one_registration(
    make_installation: MakeInstallation, shared: PostgresqlTables, mail: SubmissionServer, when: Cut, stored: int
) -> None:
    """503 at first, stored or not; the same Idempotency-Key again is answered 202, and there is one registration."""
    installation = make_installation(fronts=1, workers=1)
    (front,) = installation.fronts
    place = urlsplit(shared.url)
    assert place.hostname is not None
    assert place.port is not None
    async with CommitProxy(place.hostname, place.port).running() as proxy:
        front.settings["DATABASE_URL"] = urlunsplit(place._replace(netloc=f"{place.username}@127.0.0.1:{proxy.port}"))
        await asyncio.to_thread(installation.start)
        proxy.cut_next(when)
        first = await asyncio.to_thread(_register, front)
        found = await asyncio.to_thread(shared.read, "SELECT address_key FROM accounts")
        second = await asyncio.to_thread(_register, front)
        third = await asyncio.to_thread(_register, front)
        books = await asyncio.to_thread(stopped_books, installation, mail, {ADDRESS})

    assert [503, 202, 202] == [first, second, third]
    assert 1 == proxy.cuts
    assert stored == len(found[0])
    assert [1] == [account.registrations for account in books.accounts.values()]
    assert 2 == len(mail.messages)


def _register(front: Service) -> int:
    body = json.dumps(registration(ADDRESS)).encode()
    return front.request("POST", "/auth/register", body, Idempotency_Key=KEY)[0]
