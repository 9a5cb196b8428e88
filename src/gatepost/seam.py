"""The seam to a host's own database: its messages, promised in its own transaction or in one of Gatepost's.

Of a host's session only the connection is used. Commit, savepoints and locks stay the host's: its commit is the promise
and wakes the workers, its rollback leaves nothing and wakes nobody. Why this holds on PostgreSQL only:
docs/decisions/0017.
"""

import dataclasses
import inspect
import uuid
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, UnboundExecutionError

from gatepost.clock import Clock
from gatepost.database.columns import SCHEMA
from gatepost.database.schema import head_revision
from gatepost.database.work import is_running
from gatepost.errors import EnqueueRefused
from gatepost.mail.draft import Draft
from gatepost.mail.templates import Templates
from gatepost.outbox.enqueue import enqueue
from gatepost.tracing import current_traceparent

if TYPE_CHECKING:  # SQLAlchemy's asyncio cannot be imported without greenlet, which SQLite does not need
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

_WRITE_INSTEAD = (
    "use `await gatepost.write(work)`, and `gatepost.mail.enqueue_in(tx, draft)` in the work: a SQLite file has one"
    " process and one writer"
)

# What the host's role may do with our tables. It reads catalogues only: a refusal here must not break the host's
# transaction, as a statement that fails would.
_OURS = text(
    "SELECT c.relname, has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid,"
    " CASE c.relname WHEN 'messages' THEN 'INSERT' ELSE 'SELECT' END)"
    " FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid"
    " WHERE n.nspname = :schema AND c.relname IN ('messages', 'alembic_version')"
).bindparams(schema=SCHEMA)
_REVISION = text(f"SELECT version_num FROM {SCHEMA}.alembic_version")  # noqa: S608 (a constant of ours)
# No such schema, table or column: somebody changed them since they were looked at.
_GONE = {"3F000", "42P01", "42703"}


class Mail:
    """Promises messages of the host's own; `gatepost.mail` is one.

    Args:
        templates: what the messages say.
        clock: what time it is.
        message_id_domain: right-hand side of their Message-IDs.
        on_enqueued: called after each message written in a host's transaction; it must be quick.
    """

    def __init__(
        self, templates: Templates, clock: Clock, *, message_id_domain: str, on_enqueued: Callable[[], None]
    ) -> None:
        self._templates = templates
        self._clock = clock
        self._domain = message_id_domain
        self._on_enqueued = on_enqueued
        self._known: weakref.WeakSet[Engine] = weakref.WeakSet()

    async def enqueue(self, session: "AsyncSession | AsyncConnection", draft: Draft) -> uuid.UUID:
        """Enqueue `draft` in the transaction `session` is in, on PostgreSQL.

        It is promised by the host's commit. Gatepost need not run in this process, but a worker must run somewhere.

        Args:
            session: of SQLAlchemy, with any asynchronous driver, bound to the database that holds Gatepost's tables.
            draft: what to say and to whom.

        Returns:
            The message's id, as `gatepost messages show` takes it.

        Raises:
            EnqueueRefused: not in this session: it is on SQLite, is not asynchronous, or its database has no tables of
                this version's Gatepost.
            TemplateError: there is no such template, or values are missing or unknown.
            InvalidInput: the recipient is no address.
        """
        checked = self._checked(draft)
        if not inspect.iscoroutinefunction(getattr(session, "run_sync", None)):
            _refuse_session(session)
        return await session.run_sync(self._enqueue_in_session, checked)

    def enqueue_in(self, tx: Connection, draft: Draft) -> uuid.UUID:
        """Enqueue `draft` in the transaction of a work, `gatepost.write(work)`, on either database.

        Args:
            tx: what the work was given; on PostgreSQL also the connection of a host's own transaction that is not
                asynchronous (`session.connection()`).
            draft: what to say and to whom.

        Returns:
            The message's id; where a work runs a second time, that of its last run counts.

        Raises:
            EnqueueRefused: `tx` is neither.
            TemplateError: there is no such template, or values are missing or unknown.
            InvalidInput: the recipient is no address.
        """
        checked = self._checked(draft)
        if not isinstance(tx, Connection):
            raise EnqueueRefused(
                f"enqueue_in takes the connection that gatepost.write gives to its work, not {type(tx).__name__}"
            )
        return self._enqueue(tx, checked, None) if is_running(tx) else self._enqueue_in_hosts(tx, checked)

    def _checked(self, draft: Draft) -> Draft:
        """Prove the draft before anything is asked of the host's connection."""
        if draft.recipient is None:
            raise EnqueueRefused("the draft has no recipient: give the address the message goes to")
        traceparent = draft.traceparent or current_traceparent()
        own = dataclasses.replace(draft, recipient_key="", token_id=None, traceparent=traceparent)
        self._templates.check(own)
        return own

    def _enqueue_in_session(self, session: Any, draft: Draft) -> uuid.UUID:
        try:
            connection = session if isinstance(session, Connection) else session.connection()
        except UnboundExecutionError:
            raise EnqueueRefused(
                "this session has several engines or none; pass the connection that is meant:"
                " await session.connection(bind_arguments={…})"
            ) from None
        return self._enqueue_in_hosts(connection, draft)

    def _enqueue_in_hosts(self, connection: Connection, draft: Draft) -> uuid.UUID:
        self._refuse_unfit(connection)
        try:
            message = self._enqueue(connection, draft, SCHEMA)
        except DBAPIError as error:
            if _sqlstate(error) in _GONE:
                self._known.discard(connection.engine)
                raise EnqueueRefused(_no_tables()) from error
            raise
        self._on_enqueued()
        return message

    def _enqueue(self, tx: Connection, draft: Draft, schema: str | None) -> uuid.UUID:
        return enqueue(tx, draft, now_ms=self._clock.now_ms(), domain=self._domain, schema=schema).id

    def _refuse_unfit(self, connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            raise EnqueueRefused("this connection commits each statement by itself: begin a transaction without it")
        if connection.engine in self._known:
            return
        if (kind := connection.dialect.name) != "postgresql":
            raise EnqueueRefused(
                f"on SQLite a host's own transaction cannot promise messages: {_WRITE_INSTEAD}"
                if kind == "sqlite"
                else f"a transaction on {kind} cannot promise messages: Gatepost's tables are in PostgreSQL or SQLite"
            )
        allowed = {name: may for name, may in connection.execute(_OURS)}
        if len(allowed) < 2:
            raise EnqueueRefused(_no_tables())
        if not all(allowed.values()):
            raise EnqueueRefused(
                f"the user of this session may not enqueue: GRANT USAGE ON SCHEMA {SCHEMA}, INSERT ON {SCHEMA}.messages"
                f" and SELECT ON {SCHEMA}.alembic_version to it"
            )
        if (revision := connection.execute(_REVISION).scalar()) != head_revision():
            raise EnqueueRefused(
                f"the tables of Gatepost are at schema revision {revision}, and this version needs {head_revision()}:"
                " run `gatepost migrate`, or install the version that migrated them"
            )
        self._known.add(connection.engine)


def _refuse_session(session: object) -> NoReturn:
    if callable(getattr(session, "connection", None)) or isinstance(session, Connection):
        raise EnqueueRefused(
            f"enqueue needs an AsyncSession or AsyncConnection, not {type(session).__name__}: in a transaction that is"
            " not asynchronous use gatepost.mail.enqueue_in(session.connection(), draft)"
        )
    raise EnqueueRefused(f"enqueue needs an AsyncSession or AsyncConnection, not {type(session).__name__}")


def _no_tables() -> str:
    return (
        "the database of this session has no tables of Gatepost: bind the session to the database in"
        " GATEPOST_DATABASE_URL, and run `gatepost migrate` or start Gatepost once"
    )


def _sqlstate(error: DBAPIError) -> str | None:
    # Every driver has it, two of them under another name.
    state: str | None = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return state
