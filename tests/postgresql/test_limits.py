"""What a session is set to, and what is told when the server's limits are reached."""

import asyncio

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.util import await_

from gatepost.database.postgresql import PostgresqlDatabase
from gatepost.database.postgresql_lines import MAX_RUNS
from gatepost.database.postgresql_session import Patience
from gatepost.database.work import WorkRefused
from gatepost.errors import DatabaseBusy, DatabaseUnavailable
from tests.conformance.database.barrier import PostgresqlBarrier, held_writers
from tests.conformance.database.conftest import note, notes
from tests.postgresql.conftest import opened
from tests.support.postgresql import Cluster, Server

OUR_SESSIONS = (
    "SELECT application_name FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'gatepost %'"
)


def settings(*names: str) -> object:
    return lambda connection: [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names]


async def test_a_session_is_bounded_by_the_server(database: PostgresqlDatabase) -> None:
    """Statements, waits for locks and transactions nobody goes on with end by themselves, writing and reading."""
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "search_path", "jit")
    expected = ["10s", "5s", "10s", "gatepost, pg_temp", "off"]
    assert expected == await database.write(settings(*names))
    assert expected == await database.read(settings(*names))


async def test_a_transaction_reads_what_is_committed_and_a_query_one_moment(
    postgresql_server: Server, postgresql_url: str
) -> None:
    """The isolation is ours, whatever an administrator made the default."""
    name = postgresql_url.rpartition("/")[2]
    await postgresql_server.execute(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation = 'serializable'")
    names = ("transaction_isolation", "transaction_read_only")
    async with opened(postgresql_url) as database:
        assert ["read committed", "off"] == await database.write(settings(*names))
        assert ["repeatable read", "on"] == await database.read(settings(*names))


async def test_a_session_says_whose_it_is(
    database: PostgresqlDatabase, postgresql_server: Server, postgresql_url: str
) -> None:
    """pg_stat_activity shows an administrator which connection is for what."""
    await database.write(note("a"))
    await database.read(notes)
    await database.listen(lambda: None)
    rows = await postgresql_server.execute(OUR_SESSIONS, url=postgresql_url)
    assert {"gatepost write", "gatepost read", "gatepost listen"} == {row[0] for row in rows}


async def test_a_row_that_stays_locked_is_told(database: PostgresqlDatabase, barrier: PostgresqlBarrier) -> None:
    """Another transaction holds it for longer than a work waits: unavailable, with the way out."""
    await database.write(note("a"))

    def hold(tx: Connection) -> None:
        tx.execute(text("SELECT * FROM notes FOR UPDATE"))
        barrier.wait(tx)

    def meet(tx: Connection) -> None:
        tx.execute(text("SET LOCAL lock_timeout = '50ms'"))
        tx.execute(text("SELECT * FROM notes FOR UPDATE"))

    holding = asyncio.create_task(database.write(hold))
    await barrier.arrived(1)
    with pytest.raises(DatabaseUnavailable, match="rows stayed locked by another transaction; look for long ones"):
        await database.write(meet)
    await barrier.open()
    await holding
    await database.write(meet)


async def test_a_statement_that_takes_too_long_is_told(database: PostgresqlDatabase) -> None:
    """The server ends it, and the next one is answered."""

    def work(tx: Connection) -> None:
        tx.execute(text("SET LOCAL statement_timeout = '50ms'"))
        tx.execute(text("SELECT pg_sleep(60)"))

    with pytest.raises(DatabaseUnavailable, match="a statement took too long"):
        await database.write(work)
    await database.write(note("a"))


@pytest.mark.parametrize("code", ["query_canceled", "serialization_failure"])
async def test_what_a_work_makes_of_an_error_is_its_own(database: PostgresqlDatabase, code: str) -> None:
    """Neither an outage nor a reason to run again, whatever caused it."""
    runs = 0

    def work(tx: Connection) -> None:
        nonlocal runs
        runs += 1
        try:
            tx.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")
        except DBAPIError as error:
            raise LookupError from error

    with pytest.raises(LookupError):
        await database.write(work)
    assert 1 == runs


async def test_a_write_that_finds_no_free_connection_in_time_is_told(
    postgresql_url: str, barrier: PostgresqlBarrier
) -> None:
    """Busy, nothing done, and the connections are free again for the next."""
    async with opened(postgresql_url, patience=Patience(place_s=0.1)) as database:
        async with held_writers(database, barrier):
            with pytest.raises(DatabaseBusy, match=r"no connection became free within 0\.1 s for a write"):
                await database.write(note("a"))
        await database.write(note("b"))
        assert ["b"] == await database.read(notes)


async def test_no_more_connections_are_opened_than_are_set(postgresql_url: str, postgresql_server: Server) -> None:
    """All of them together, while writes, reads and the bell want one at the same time."""
    async with opened(postgresql_url, connections=5) as database:
        await database.listen(lambda: None)
        calls = [database.write(note(str(number))) for number in range(50)]
        await asyncio.gather(*calls, *(database.read(notes) for _ in range(50)))
        assert 5 == len(await postgresql_server.execute(OUR_SESSIONS, url=postgresql_url))


async def test_a_server_without_free_connections_slows_down_and_loses_nothing(
    own_server: Cluster, own_url: str
) -> None:
    """Where the server gives fewer than are set, works share those there are."""
    with own_server.role(own_url, "CONNECTION LIMIT 3") as url:
        await own_server.execute(f'GRANT CREATE ON DATABASE "{own_url.rpartition("/")[2]}" TO PUBLIC', url=own_url)
        async with opened(url) as database:
            names = [f"{number:02}" for number in range(50)]
            assert names == await asyncio.gather(*(database.write(note(name)) for name in names))


async def test_a_server_with_no_connection_at_all_is_told(own_server: Cluster, own_url: str) -> None:
    """The sentence says which limits to look at."""
    with own_server.role(own_url) as url:
        await own_server.execute(f'GRANT CREATE ON DATABASE "{own_url.rpartition("/")[2]}" TO PUBLIC', url=own_url)
        async with opened(url) as database:
            name = url.split("//")[1].split(":")[0]
            await own_server.execute(f"ALTER ROLE {name} CONNECTION LIMIT 1")
            with pytest.raises(DatabaseUnavailable, match="it has too many connections; raise its max_connections"):
                await database.read(notes)


async def test_a_deferred_constraint_is_told_as_a_constraint(database: PostgresqlDatabase) -> None:
    """What COMMIT itself refuses is IntegrityError too, and nothing is kept."""
    await database.write(
        lambda tx: tx.execute(
            text("ALTER TABLE notes ADD CONSTRAINT late UNIQUE (filling) DEFERRABLE INITIALLY DEFERRED")
        ).close()
    )
    await database.write(note("a"))
    with pytest.raises(IntegrityError, match="late"):
        await database.write(note("b"))
    assert ["a"] == await database.read(notes)


async def refuse_commits(database: PostgresqlDatabase, error: str) -> None:
    """Have every COMMIT of a note refused with this error, as a server refuses one for which it finds no space."""

    def work(tx: Connection) -> None:
        tx.exec_driver_sql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$BEGIN RAISE EXCEPTION USING ERRCODE = '{error}'; END$$"
        )
        tx.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
            " EXECUTE FUNCTION refuse()"
        )

    await database.write(work)


async def test_a_commit_refused_for_want_of_space_is_told(database: PostgresqlDatabase) -> None:
    """The server answered: nothing was kept, and that is what is said."""
    await refuse_commits(database, "disk_full")
    with pytest.raises(DatabaseUnavailable, match="its disk is full"):
        await database.write(note("a"))
    assert [] == await database.read(notes)


async def test_a_commit_refused_for_a_conflict_runs_again(database: PostgresqlDatabase) -> None:
    """A serialization failure may come as late as that."""
    await refuse_commits(database, "serialization_failure")
    runs = 0

    def work(tx: Connection) -> None:
        nonlocal runs
        runs += 1
        note("a")(tx)

    with pytest.raises(DatabaseUnavailable, match="got in each other's way"):
        await database.write(work)
    assert MAX_RUNS == runs


async def test_a_commit_that_the_server_turns_into_a_rollback_is_no_success(database: PostgresqlDatabase) -> None:
    """An error swallowed behind SQLAlchemy's back: the answer to COMMIT says what became of it."""

    def work(tx: Connection) -> str:
        note("a")(tx)
        try:
            await_(tx.connection.driver_connection.execute("INSERT INTO nowhere VALUES (1)"))  # type: ignore[union-attr]
        except Exception:
            return "done"
        raise AssertionError

    with pytest.raises(WorkRefused, match="went on after a database error"):
        await database.write(work)
    assert [] == await database.read(notes)
