"""The line to PostgreSQL breaks around a COMMIT: nobody knows whether it was done, and asking again does no harm."""

import asyncio
import json
from collections.abc import Callable

import pytest

from gatepost.testing import SubmissionServer
from tests.faults.postgresql.conftest import MakeInstallation
from tests.faults.rest import stopped_books
from tests.support.driver import registration
from tests.support.proxy import Proxy, proxy
from tests.support.service import Service
from tests.support.tables import PostgresqlTables

ADDRESS = "mira@people.example"
KEY = "9f7f6d3e-0d1c-4f0e-8f4e-6b1d2c3a4b5c"


@pytest.mark.parametrize(
    ("cut", "stored"),
    [
        pytest.param(Proxy.cut_before_commit, 0, id="before it arrives"),
        pytest.param(Proxy.cut_behind_commit, 1, id="before its answer"),
    ],
)
async def test_a_repeat_after_an_unknown_commit_makes_one_registration(
    make_installation: MakeInstallation,
    shared: PostgresqlTables,
    mail: SubmissionServer,
    cut: Callable[[Proxy], None],
    stored: int,
) -> None:
    """503 at first, stored or not; the same Idempotency-Key again is answered 202, and there is one registration."""
    installation = make_installation(fronts=1, workers=1)
    (front,) = installation.fronts
    async with proxy(shared.url) as line:
        front.settings["DATABASE_URL"] = line.url
        await asyncio.to_thread(installation.start)
        cut(line)
        first = await asyncio.to_thread(_register, front)
        found = await asyncio.to_thread(shared.read, "SELECT address_key FROM accounts")
        second = await asyncio.to_thread(_register, front)
        third = await asyncio.to_thread(_register, front)
        books = await asyncio.to_thread(stopped_books, installation, mail, {ADDRESS})

    assert [503, 202, 202] == [first, second, third]
    assert stored == len(found[0])
    assert [1] == [account.registrations for account in books.accounts.values()]
    assert 2 == len(mail.messages)


def _register(front: Service) -> int:
    body = json.dumps(registration(ADDRESS)).encode()
    return front.request("POST", "/auth/register", body, Idempotency_Key=KEY)[0]
