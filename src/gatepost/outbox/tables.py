"""The tables `messages` and `attempts`. Rules live in the schema: what may not be stored cannot be stored."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from gatepost.database.columns import BELL, Instant, RowId, metadata
from gatepost.outbox.lifecycle import BIRTHS, IN_FLIGHT, MOVES, WAITING, State


def _in(column: str, states: "frozenset[State] | type[State]") -> str:
    return f"{column} IN ({', '.join(repr(str(state)) for state in sorted(states))})"


# Written out instead of bound: SQLite uses a partial index only where the query shows the index's own condition.
IS_WAITING = text(_in("state", WAITING))
# In flight at so many deaths of a process, a message may be what kills it: from then on it is tried alone.
SUSPECTED_AT = 2
# Deaths alone in flight after which it is held.
HELD_AT = SUSPECTED_AT + 3
IS_WAITING_TOGETHER = text(f"{_in('state', WAITING)} AND deaths < {SUSPECTED_AT}")
IS_WAITING_ALONE = text(f"{_in('state', WAITING)} AND deaths >= {SUSPECTED_AT}")
MAY_BE_CANCELLED = text(_in("state", WAITING | {State.HELD}))
IS_UNKNOWN_AND_DUE_LATER = text("state = 'unknown' AND due_at IS NOT NULL")
IS_IN_FLIGHT = text("owner IS NOT NULL")
# These too: SQLite prepares a statement anew for each run (40 µs) when it has to look at a bound state to know whether
# a partial index fits.
IS_SENDING = text(f"state = '{State.SENDING}'")
IS_SENDING_OR_COMMITTING = text(_in("state", IN_FLIGHT))
WAS_MEANT_TO_GO_OUT = text("state <> 'cancelled'")
HAS_NO_ACCOUNT = text("recipient IS NULL")
IS_SETTLED = text("settled_at IS NOT NULL")
WAS_RESENT = text("resent_from IS NOT NULL")

messages = Table(
    "messages",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("template", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("recipient", Text),  # null for an address without an account: then only its keyed hash is known
    Column("recipient_key", Text, nullable=False),
    Column("template_values", Text, nullable=False),  # JSON object of harmless values
    Column("message_id", Text, nullable=False, unique=True),
    Column("account_id", RowId),
    Column("token_id", LargeBinary(16)),
    Column("request_id", Text),
    Column("priority", Integer, nullable=False),
    Column("if_unknown", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("owner", Text),
    Column("claim_number", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("unknowns", Integer, nullable=False),  # how often the server may have taken it
    Column("started_at", Instant),
    Column("settled_at", Instant),
    # Added later, so last: a migrated table has them there.
    Column("recipient_domain", Text),  # of the address key; null where the recipient is
    # How often its process died while it was `sending`; from SUSPECTED_AT on only deaths alone in flight count.
    Column("deaths", Integer, nullable=False, server_default=text("0")),
    Column("resent_from", RowId),  # the message an operator had sent again as this one
    Column("client", LargeBinary(16)),  # keyed hash of who caused it, where a stranger can; see accounts/caps.py
    # 1: about the safety of an account. It goes out also to whoever wants no other mail; see suppression/.
    Column("security", Integer, nullable=False, server_default=text("0")),
    Column("traceparent", Text),  # W3C Trace Context of the request that caused it, where that was traced
    CheckConstraint(_in("state", State), name="state"),
    CheckConstraint("if_unknown IN ('again', 'never_twice')", name="if_unknown"),
    CheckConstraint("priority BETWEEN 0 AND 1", name="priority"),
    CheckConstraint(f"({_in('state', IN_FLIGHT)}) = (owner IS NOT NULL)", name="owner_in_flight"),
    CheckConstraint(f"NOT ({_in('state', WAITING)}) OR due_at IS NOT NULL", name="due_when_waiting"),
    CheckConstraint(
        f"NOT ({_in('state', frozenset({State.CANCELLED, State.FAILED, State.HELD, State.SUPPRESSED}))})"
        " OR reason IS NOT NULL",
        name="reason_when_stopped",
    ),
    CheckConstraint("recipient IS NOT NULL OR state = 'cancelled'", name="recipient_unless_cancelled"),
    CheckConstraint("0 <= attempts AND attempts <= claim_number", name="counters"),
    CheckConstraint("expires_at > created_at", name="expires_after_creation"),
    sqlite_with_rowid=False,
)

# What the claim reads: due messages of one priority, oldest first, and nothing else. The domain is there so that those
# of a domain that has all it may have can be passed over without reading their rows.
Index(
    "ix_messages_due",
    messages.c.priority,
    messages.c.due_at,
    messages.c.recipient_domain,
    sqlite_where=IS_WAITING_TOGETHER,
    postgresql_where=IS_WAITING_TOGETHER,
)
# Messages that are tried alone: hardly ever one.
Index(
    "ix_messages_due_alone",
    messages.c.state,  # first, for SQLite's sake, as below
    messages.c.due_at,
    sqlite_where=IS_WAITING_ALONE,
    postgresql_where=IS_WAITING_ALONE,
)
# Messages the server may have taken, whose policy says "again": few.
Index(
    "ix_messages_unknown_due",
    messages.c.state,  # first, or SQLite prefers the index on the state and walks through all that stays unknown
    messages.c.due_at,
    sqlite_where=IS_UNKNOWN_AND_DUE_LATER,
    postgresql_where=IS_UNKNOWN_AND_DUE_LATER,
)
# What a dead worker left: at most as many as it had slots.
Index(
    "ix_messages_in_flight",
    messages.c.owner,
    sqlite_where=IS_IN_FLIGHT,
    postgresql_where=IS_IN_FLIGHT,
)
# What was written to an account or address lately. Those that never went out stand apart: a stranger can cause many.
Index(
    "ix_messages_account",
    messages.c.account_id,
    messages.c.template,
    messages.c.created_at,
    sqlite_where=WAS_MEANT_TO_GO_OUT,
    postgresql_where=WAS_MEANT_TO_GO_OUT,
)
Index("ix_messages_recipient_key", messages.c.recipient_key, messages.c.id)
Index("ix_messages_state", messages.c.state, messages.c.id)
# With the state between them: for one template in one state directly, for all its states as many short looks.
Index("ix_messages_template", messages.c.template, messages.c.state, messages.c.id)
Index("ix_messages_token_id", messages.c.token_id)
Index(
    "ix_messages_resent_from",
    messages.c.resent_from,
    sqlite_where=WAS_RESENT,
    postgresql_where=WAS_RESENT,
)
# What was settled lately, for the figures operators see: they are counted along it, and no row is read.
Index(
    "ix_messages_settled",
    messages.c.settled_at,
    messages.c.state,
    messages.c.created_at,
    sqlite_where=IS_SETTLED,
    postgresql_where=IS_SETTLED,
)
Index(
    "ix_messages_no_account",
    messages.c.created_at,
    sqlite_where=HAS_NO_ACCOUNT,
    postgresql_where=HAS_NO_ACCOUNT,
)

attempts = Table(
    "attempts",
    metadata,
    Column("message", RowId, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("claim_number", Integer, primary_key=True),
    Column("number", Integer),  # null when the try does not count
    Column("phase", Text),  # null when the process died under way
    Column("outcome", Text, nullable=False),
    Column("reply_code", Integer),
    Column("enhanced_status", Text),
    Column("reply_text", Text),
    Column("server", Text),
    Column("started_at", Instant, nullable=False),
    Column("duration_ms", Integer),  # null when the process died under way
    CheckConstraint("reply_code IS NULL OR reply_code BETWEEN 200 AND 599", name="reply_code"),
    sqlite_with_rowid=False,
)

# Who claims messages. A worker whose row is gone is dead, and what it had in flight is recovered by others.
workers = Table(
    "workers",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("slots", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),  # both by the database's clock
    Column("beat_at", Instant, nullable=False),
    CheckConstraint("slots > 0", name="slots"),
    sqlite_with_rowid=False,
)

# How far a chore that walks through a table by its ids has come.
bookmarks = Table(
    "bookmarks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("row", RowId, nullable=False),  # the last one that is done
    sqlite_with_rowid=False,
)

# While its one row is there no message is claimed: an operator holds the whole queue. See queue_hold.py.
queue_hold = Table(
    "queue_hold",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    CheckConstraint("id = 1", name="one_row"),
    sqlite_with_rowid=False,
)

# Every UPDATE of the state passes these, whoever writes.
_pairs = ", ".join(f"'{before}>{after}'" for before in sorted(MOVES) for after in sorted(MOVES[before]))
SQLITE_TRIGGERS = (
    f"""CREATE TRIGGER messages_move BEFORE UPDATE OF state ON messages
WHEN OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN ({_pairs})
BEGIN SELECT RAISE(ABORT, 'illegal move of a message'); END""",
    f"""CREATE TRIGGER messages_birth BEFORE INSERT ON messages
WHEN NOT ({_in("NEW.state", BIRTHS)})
BEGIN SELECT RAISE(ABORT, 'illegal first state of a message'); END""",
)
_REFUSE = "EXECUTE FUNCTION messages_refuse"
POSTGRESQL_TRIGGERS = (
    """CREATE FUNCTION messages_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'check_violation'; END$$""",
    f"""CREATE TRIGGER messages_move BEFORE UPDATE OF state ON messages FOR EACH ROW
WHEN (OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN ({_pairs}))
{_REFUSE}('illegal move of a message')""",
    f"""CREATE TRIGGER messages_birth BEFORE INSERT ON messages FOR EACH ROW
WHEN (NOT ({_in("NEW.state", BIRTHS)}))
{_REFUSE}('illegal first state of a message')""",
    # The bell of every worker in every process: rung by the commit that makes a message due, and by no rollback.
    f"""CREATE FUNCTION messages_ring() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN PERFORM pg_notify('{BELL}', ''); RETURN NULL; END$$""",
    # Whether it is due or born cancelled: a commit that rings takes longer, and would tell who has an account.
    """CREATE TRIGGER messages_bell AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION messages_ring()""",
    """CREATE TRIGGER messages_bell_again AFTER UPDATE OF state ON messages FOR EACH ROW
WHEN (NEW.state = 'queued') EXECUTE FUNCTION messages_ring()""",
    # A queue changes every row several times: without it the index of what is due would fill up with dead entries.
    "ALTER TABLE messages SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)",
)
