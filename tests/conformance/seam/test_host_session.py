"""A product's messages in its own transaction on PostgreSQL: `await gatepost.mail.enqueue(session, draft)`."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_scoped_session, create_async_engine
from sqlalchemy.ext.asyncio import async_sessionmaker as sessionmaker

from gatepost import Draft, Gatepost
from gatepost.database.columns import BELL
from gatepost.errors import EnqueueRefused, TemplateError
from gatepost.events import Event, MessageAccepted, SettingWarned
from gatepost.transport.memory import MemoryTransport
from tests.support.postgresql import Server

DEADLINE_S = 20.0


@pytest.fixture
def database_kind() -> str:
    """SQLite has no such transactions: docs/decisions/0017."""
    return "postgresql"


def driver_url(url: str) -> str:
    """The URL as SQLAlchemy wants it."""
    return url.replace("postgresql://", "postgresql+asyncpg://", 1)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """The product's own engine, with a table of its own."""
    made = create_async_engine(driver_url(database_url))
    async with made.begin() as connection:
        await connection.execute(text("CREATE TABLE public.boats (name text PRIMARY KEY)"))
    yield made
    await made.dispose()


class Bells:
    """Hears the bell on a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.rung = 0

    async def __aenter__(self) -> "Bells":
        self._connection = await asyncpg.connect(self._url)
        await self._connection.add_listener(BELL, self._ring)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._connection.close()

    def _ring(self, *arguments: object) -> None:
        self.rung += 1

    async def count(self) -> int:
        """How often it rang until now: a notification of our own, sent last, also arrives last."""
        last = asyncio.Event()
        await self._connection.add_listener("last", lambda *arguments: last.set())
        await self._connection.execute("NOTIFY last")
        async with asyncio.timeout(DEADLINE_S):
            await last.wait()
        return self.rung


async def rows(server: Server, url: str, table: str) -> int:
    """How many rows a table has, as another session sees it."""
    return int((await server.execute(f"SELECT count(*) FROM {table}", url=url))[0][0])


BOAT = text("INSERT INTO public.boats VALUES ('Mistral')")


async def test_a_commit_promises_and_rings(
    gatepost: Gatepost, engine: AsyncEngine, note: Draft, database_url: str, postgresql_server: Server
) -> None:
    """Row and message appear together, the bell rings once and not before."""
    async with Bells(database_url) as bells:
        async with AsyncSession(engine) as session:
            await session.execute(BOAT)
            message = await gatepost.mail.enqueue(session, note)
            assert await rows(postgresql_server, database_url, "gatepost.messages") == 0
            assert await bells.count() == 0
            await session.commit()
        assert await bells.count() == 1
    found = await postgresql_server.execute("SELECT id, state, recipient_key FROM gatepost.messages", url=database_url)
    assert [tuple(row) for row in found] == [(message.bytes, "queued", "mira@example.com")]
    assert await rows(postgresql_server, database_url, "public.boats") == 1


async def test_a_rollback_leaves_nothing_and_rings_nothing(
    gatepost: Gatepost, engine: AsyncEngine, note: Draft, database_url: str, postgresql_server: Server
) -> None:
    """Neither the product's row nor the message, and no worker is woken."""
    async with Bells(database_url) as bells:
        async with AsyncSession(engine) as session:
            await session.execute(BOAT)
            await gatepost.mail.enqueue(session, note)
            await session.rollback()
        assert await bells.count() == 0
    assert await rows(postgresql_server, database_url, "gatepost.messages") == 0
    assert await rows(postgresql_server, database_url, "public.boats") == 0


async def test_a_rolled_back_savepoint_takes_only_its_message(
    gatepost: Gatepost, engine: AsyncEngine, note: Draft, database_url: str, postgresql_server: Server
) -> None:
    """The message in it is gone; the one before it is promised by the commit."""
    async with AsyncSession(engine) as session:
        kept = await gatepost.mail.enqueue(session, note)
        savepoint = await session.begin_nested()
        await gatepost.mail.enqueue(session, note)
        await savepoint.rollback()
        await session.execute(BOAT)
        await session.commit()
    found = await postgresql_server.execute("SELECT id FROM gatepost.messages", url=database_url)
    assert [row[0] for row in found] == [kept.bytes]
    assert await rows(postgresql_server, database_url, "public.boats") == 1


async def test_only_a_savepoint_with_a_message_rings_nothing_when_it_is_rolled_back(
    gatepost: Gatepost, engine: AsyncEngine, note: Draft, database_url: str
) -> None:
    """The outer commit wakes nobody for a message that is not there."""
    async with Bells(database_url) as bells:
        async with AsyncSession(engine) as session:
            savepoint = await session.begin_nested()
            await gatepost.mail.enqueue(session, note)
            await savepoint.rollback()
            await session.execute(BOAT)
            await session.commit()
        assert await bells.count() == 0


async def test_a_connection_does_as_well_as_a_session(
    gatepost: Gatepost, engine: AsyncEngine, note: Draft, database_url: str, postgresql_server: Server
) -> None:
    """An AsyncConnection, and the plain connection of a transaction that is not asynchronous."""

    def without_async(connection: Connection) -> uuid.UUID:
        return gatepost.mail.enqueue_in(connection, note)

    async with engine.begin() as connection:
        await gatepost.mail.enqueue(connection, note)
        await connection.run_sync(without_async)
    assert await rows(postgresql_server, database_url, "gatepost.messages") == 2


async def test_the_hosts_own_names_do_not_matter(
    gatepost: Gatepost, database_url: str, note: Draft, postgresql_server: Server
) -> None:
    """A search path and a map of schemas of the product's own, and a table `messages` in its way."""
    made = create_async_engine(
        driver_url(database_url),
        connect_args={"server_settings": {"search_path": "public"}},
        execution_options={"schema_translate_map": {None: "public"}},
    )
    async with made.begin() as connection:
        await connection.execute(text("CREATE TABLE public.messages (id int)"))
        await gatepost.mail.enqueue(connection, note)
        assert (await connection.execute(text("SHOW search_path"))).scalar() == "public"
    await made.dispose()
    assert await rows(postgresql_server, database_url, "gatepost.messages") == 1
    assert await rows(postgresql_server, database_url, "public.messages") == 0


async def test_a_running_gatepost_sends_it(
    started: Gatepost, engine: AsyncEngine, note: Draft, transport: MemoryTransport
) -> None:
    """From the product's commit to the transport."""
    accepted = asyncio.Event()
    started.events.subscribe(lambda event: accepted.set() if isinstance(event, MessageAccepted) else None)
    async with AsyncSession(engine) as session:
        await started.mail.enqueue(session, note)
        await session.commit()
    async with asyncio.timeout(DEADLINE_S):
        await accepted.wait()
    assert [sent.recipient for sent in transport.messages] == ["Mira@example.com"]


# What is not running is said


async def test_a_product_that_forgot_to_start_gatepost_is_told_once(
    gatepost: Gatepost, engine: AsyncEngine, note: Draft, heard: list[Event]
) -> None:
    """The message is promised, and the log says that nobody here will send it."""
    async with engine.begin() as connection:
        await gatepost.mail.enqueue(connection, note)
        await gatepost.mail.enqueue(connection, note)
    (warning,) = [event for event in heard if isinstance(event, SettingWarned)]
    assert "does not run in this process" in warning.detail


async def test_a_product_without_a_worker_is_not_warned(
    gatepost: Gatepost, engine: AsyncEngine, note: Draft, heard: list[Event], templates: Any
) -> None:
    """Gatepost(worker=False) says that others send, so there is nothing to warn about."""
    quiet = Gatepost(gatepost.settings, events=gatepost.events, templates=templates, worker=False)
    async with engine.begin() as connection:
        await quiet.mail.enqueue(connection, note)
    assert heard == []


# Refusals, none of which breaks the host's transaction


async def still_good(connection: AsyncConnection) -> bool:
    """Whether the transaction goes on: PostgreSQL ends it at the first statement that fails."""
    return (await connection.execute(text("SELECT true"))).scalar_one() is True


async def test_a_wrong_draft_leaves_the_transaction_good(gatepost: Gatepost, engine: AsyncEngine, note: Draft) -> None:
    """It is refused before anything is asked of the connection."""
    async with engine.begin() as connection:
        with pytest.raises(TemplateError):
            await gatepost.mail.enqueue(connection, Draft(template="note", recipient="mira@example.com"))
        assert await still_good(connection)


async def test_a_database_without_our_tables_is_refused(
    gatepost: Gatepost, note: Draft, postgresql_server: Server
) -> None:
    """The sentence names the setting and the command."""
    made = create_async_engine(driver_url(postgresql_server.url))
    async with made.begin() as connection:
        with pytest.raises(EnqueueRefused, match=r"has no tables of Gatepost.*gatepost migrate"):
            await gatepost.mail.enqueue(connection, note)
        assert await still_good(connection)
    await made.dispose()


async def test_tables_of_another_version_are_refused(gatepost: Gatepost, engine: AsyncEngine, note: Draft) -> None:
    """Both revisions are named."""
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE gatepost.alembic_version SET version_num = '0001'"))
        with pytest.raises(EnqueueRefused, match="at schema revision 0001, and this version needs "):
            await gatepost.mail.enqueue(connection, note)
        assert await still_good(connection)


async def test_a_role_without_rights_is_told_which_it_needs(
    gatepost: Gatepost, engine: AsyncEngine, note: Draft, database_url: str, postgresql_server: Server
) -> None:
    """With exactly the rights of the sentence it works; nothing more is needed."""
    role = f"product_{uuid.uuid4().hex[:8]}"
    await postgresql_server.execute(f"CREATE ROLE {role} LOGIN")
    parts = urlsplit(database_url)
    their_url = urlunsplit(parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}"))
    made = create_async_engine(driver_url(their_url))
    try:
        async with made.begin() as connection:
            with pytest.raises(EnqueueRefused, match="GRANT USAGE ON SCHEMA gatepost"):
                await gatepost.mail.enqueue(connection, note)
            assert await still_good(connection)
        for grant in ("USAGE ON SCHEMA gatepost", "INSERT ON gatepost.messages", "SELECT ON gatepost.alembic_version"):
            await postgresql_server.execute(f"GRANT {grant} TO {role}", url=database_url)
        async with made.begin() as connection:
            await gatepost.mail.enqueue(connection, note)
    finally:
        await made.dispose()
        await postgresql_server.execute(f"DROP OWNED BY {role}", url=database_url)
        await postgresql_server.execute(f"DROP ROLE {role}")
    assert await rows(postgresql_server, database_url, "gatepost.messages") == 1


async def test_tables_that_went_away_are_told(gatepost: Gatepost, engine: AsyncEngine, note: Draft) -> None:
    """The first time by the statement that fails; then the engine is looked at again, and nothing fails any more."""
    async with engine.begin() as connection:
        await gatepost.mail.enqueue(connection, note)
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA gatepost CASCADE"))
    async with engine.connect() as connection:
        with pytest.raises(EnqueueRefused, match="has no tables of Gatepost"):
            await gatepost.mail.enqueue(connection, note)
    async with engine.connect() as connection:
        with pytest.raises(EnqueueRefused, match="has no tables of Gatepost"):
            await gatepost.mail.enqueue(connection, note)
        assert await still_good(connection)


async def test_a_connection_that_commits_by_itself_is_refused(
    gatepost: Gatepost, engine: AsyncEngine, note: Draft
) -> None:
    """There is no transaction whose rollback could take the message back."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(EnqueueRefused, match="commits each statement by itself"):
            await gatepost.mail.enqueue(connection, note)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda engine: sessionmaker(engine)().sync_session, r"enqueue_in\(session\.connection\(\), draft\)"),
        (lambda engine: async_scoped_session(sessionmaker(engine), lambda: None), "not async_scoped_session"),
        (lambda engine: engine, "not AsyncEngine"),
        (lambda engine: None, "not NoneType"),
        (lambda engine: AsyncSession(), "several engines or none"),
    ],
)
async def test_what_is_no_asynchronous_session_is_refused(
    gatepost: Gatepost, engine: AsyncEngine, note: Draft, made: Callable[[AsyncEngine], Any], words: str
) -> None:
    """Each with a sentence that says what to hand over."""
    with pytest.raises(EnqueueRefused, match=words):
        await gatepost.mail.enqueue(made(engine), note)
