"""Writes down every move of every message from within the database, with the database's clock and who made it.

The product does not know of it: a trigger of the test's own; on PostgreSQL in a schema of its own.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from tests.support.tables import SqliteTables, Tables

_ON_POSTGRESQL = """
CREATE SCHEMA witness;
CREATE TABLE witness.moves (
    number bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), message bytea NOT NULL,
    recipient text NOT NULL, before text, after text NOT NULL, owner_before text, owner_after text,
    claim bigint NOT NULL, attempts bigint NOT NULL, reason text, due_ms bigint
);
CREATE FUNCTION witness.write_down() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO witness.moves (message, recipient, after, claim, attempts, reason, due_ms)
        VALUES (NEW.id, NEW.recipient_key, NEW.state, NEW.claim_number, NEW.attempts, NEW.reason, NEW.due_at);
    ELSE
        INSERT INTO witness.moves (message, recipient, before, after, owner_before, owner_after, claim, attempts,
            reason, due_ms)
        VALUES (NEW.id, NEW.recipient_key, OLD.state, NEW.state, OLD.owner, NEW.owner, NEW.claim_number, NEW.attempts,
            NEW.reason, NEW.due_at);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT OR UPDATE OF state ON gatepost.messages
FOR EACH ROW EXECUTE FUNCTION witness.write_down();
"""
# SQLite takes no schema of its own in a file; and one statement at a time.
_ON_SQLITE = (
    """CREATE TABLE witness_moves (
        number INTEGER PRIMARY KEY, at REAL NOT NULL, message BLOB NOT NULL, recipient TEXT NOT NULL, before TEXT,
        after TEXT NOT NULL, owner_before TEXT, owner_after TEXT, claim INTEGER NOT NULL, attempts INTEGER NOT NULL,
        reason TEXT, due_ms INTEGER)""",
    """CREATE TRIGGER witness_birth AFTER INSERT ON messages BEGIN
        INSERT INTO witness_moves VALUES (NULL, (julianday('now') - 2440587.5) * 86400, NEW.id, NEW.recipient_key, NULL,
            NEW.state, NULL, NEW.owner, NEW.claim_number, NEW.attempts, NEW.reason, NEW.due_at); END""",
    """CREATE TRIGGER witness_move AFTER UPDATE OF state ON messages BEGIN
        INSERT INTO witness_moves VALUES (NULL, (julianday('now') - 2440587.5) * 86400, NEW.id, NEW.recipient_key,
            OLD.state, NEW.state, OLD.owner, NEW.owner, NEW.claim_number, NEW.attempts, NEW.reason, NEW.due_at); END""",
)
_READ = """SELECT {at}, message, recipient, before, after, owner_before, owner_after, claim, attempts, reason, due_ms
    FROM {moves} ORDER BY number"""
_POSTGRESQL_CLOCK = "extract(epoch FROM clock_timestamp())::float8"
_HELD_FOR_DEAD = """SELECT DISTINCT owner_after FROM {moves} AS moves JOIN attempts ON attempts.message = moves.message
    WHERE claim = claim_number AND after = 'sending' AND outcome = 'worker_died'"""

# What may happen to a message while processes, connections and databases die, and nobody refuses it.
MOVES = {
    (None, "queued"),
    (None, "cancelled"),
    ("queued", "sending"),
    ("queued", "cancelled"),
    ("sending", "queued"),
    ("sending", "committing"),
    ("sending", "cancelled"),
    ("sending", "deferred"),
    ("committing", "accepted"),
    ("committing", "queued"),
    ("committing", "deferred"),
    ("committing", "unknown"),
    ("unknown", "deferred"),
    ("deferred", "sending"),
    ("deferred", "cancelled"),
}
# All that may ever happen to one: DESIGN 1.5, written down once more so that a wrong table in the product is noticed.
LEGAL = MOVES | {
    (None, "suppressed"),
    *((waiting, end) for waiting in ("queued", "deferred") for end in ("cancelled", "expired", "suppressed", "held")),
    *(("sending", end) for end in ("failed", "suppressed", "expired", "held")),
    ("committing", "failed"),
    *(("unknown", end) for end in ("accepted", "delivered", "bounced", "queued", "cancelled", "expired")),
    *(("held", end) for end in ("queued", "cancelled", "expired")),
    ("accepted", "delivered"),
    ("accepted", "bounced"),
    ("delivered", "bounced"),
}
IN_FLIGHT = {"sending", "committing"}
# More tries of one message than this in one second are a hot loop, whatever goes wrong.
MAX_TRIES_A_SECOND = 5
# Between the clock that made a time due and the one that looks whether it is.
TOLERANCE_S = 0.05


@dataclass(frozen=True)
class Move:
    """One move of one message; `at` is in seconds by the database's clock. The last four are as the move left them."""

    at: float
    message: bytes
    recipient: str
    before: str | None
    after: str
    owner_before: str | None
    owner_after: str | None
    claim: int
    attempts: int
    reason: str | None
    due_ms: int | None


class Witness:
    """What happened to the messages of one database since it began.

    Attributes:
        tables: of that database.
        keeps_time: cleared by a test that moves clocks or due times: then nothing is said about when tries were made.
    """

    def __init__(self, tables: Tables) -> None:
        self.keeps_time = True
        self.tables = tables
        self._is_sqlite = isinstance(tables, SqliteTables)
        self._names = (
            {"moves": "witness_moves", "at": "at"}
            if self._is_sqlite
            else {"moves": "witness.moves", "at": "extract(epoch FROM at)::float8"}
        )

    def begin(self) -> None:
        """Write down every move from now on; the product's tables must be there. No process may own a SQLite file."""
        for statement in _ON_SQLITE if self._is_sqlite else (_ON_POSTGRESQL,):
            self.tables.change(statement)

    def now(self) -> float:
        """The database's clock, in seconds."""
        clock = "(julianday('now') - 2440587.5) * 86400" if self._is_sqlite else _POSTGRESQL_CLOCK
        ((at,),) = self.tables.read(f"SELECT {clock}")[0]
        return float(at)

    def moves(self) -> list[Move]:
        """All moves so far, in their order."""
        return [Move(*row) for row in self.tables.read(_READ.format(**self._names))[0]]

    def held_for_dead(self) -> set[str]:
        """The owners of all tries that ended because their worker was gone."""
        return {owner for (owner,) in self.tables.read(_HELD_FOR_DEAD.format(**self._names))[0]}

    def wrong(self, allowed: Collection[tuple[str | None, str]] = MOVES) -> list[str]:
        """What must not have happened to any message.

        Args:
            allowed: the moves that nobody objects to.
        """
        of_message: dict[bytes, list[Move]] = defaultdict(list)
        for move in self.moves():
            of_message[move.message].append(move)
        found = [sentence for moves in of_message.values() for sentence in _wrong(moves, allowed)]
        if self.keeps_time:
            found += [sentence for moves in of_message.values() for sentence in _untimely(moves)]
        return found


def _untimely(moves: Sequence[Move]) -> Iterator[str]:
    """Tries before their time, and hot loops."""
    due_ms: int | None = None
    tries = [move.at for move in moves if move.after == "sending"]
    for first, last in zip(tries, tries[MAX_TRIES_A_SECOND:], strict=False):
        if last - first < 1:
            yield f"tried more than {MAX_TRIES_A_SECOND} times within a second: {moves[0]}"
            break
    for move in moves:
        if move.after == "sending" and due_ms is not None and move.at < due_ms / 1000 - TOLERANCE_S:
            yield f"tried {due_ms / 1000 - move.at:.2f} s before it was due: {move}"
        # A copy of an `unknown` message may be brought forward by a test; a transient failure may not.
        due_ms = move.due_ms if (move.after, move.reason) == ("deferred", "transient") else None


def _wrong(moves: Sequence[Move], allowed: Collection[tuple[str | None, str]]) -> Iterator[str]:
    state, claim, owner = None, 0, None
    for move in moves:
        fine = (move.before, move.after) in allowed and move.before == state and move.owner_before == owner
        if move.after == "sending":
            fine = fine and move.claim == claim + 1
        elif move.after == "committing":
            fine = fine and move.claim == claim and move.owner_after == owner
        else:
            fine = fine and move.claim == claim
        fine = fine and (move.owner_after is not None) == (move.after in IN_FLIGHT)
        if not fine:
            yield f"a message was {state} of {owner} with claim {claim}, and then: {move}"
        state, claim, owner = move.after, move.claim, move.owner_after
