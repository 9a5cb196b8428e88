"""Writes down every move of every message from within PostgreSQL, with the database's clock and who made it.

The product does not know of it: a trigger of the test's own, in a schema of its own.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.support.tables import PostgresqlTables

_INSTALL = """
CREATE SCHEMA witness;
CREATE TABLE witness.moves (
    number bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), message bytea NOT NULL,
    recipient text NOT NULL, before text, after text NOT NULL, owner_before text, owner_after text,
    claim bigint NOT NULL
);
CREATE FUNCTION witness.write_down() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO witness.moves (message, recipient, after, claim)
        VALUES (NEW.id, NEW.recipient_key, NEW.state, NEW.claim_number);
    ELSE
        INSERT INTO witness.moves (message, recipient, before, after, owner_before, owner_after, claim)
        VALUES (NEW.id, NEW.recipient_key, OLD.state, NEW.state, OLD.owner, NEW.owner, NEW.claim_number);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER witness AFTER INSERT OR UPDATE OF state ON gatepost.messages
FOR EACH ROW EXECUTE FUNCTION witness.write_down();
"""
_READ = """SELECT extract(epoch FROM at)::float8, message, recipient, before, after, owner_before, owner_after, claim
    FROM witness.moves ORDER BY number"""
_HELD_FOR_DEAD = """SELECT DISTINCT owner_after FROM witness.moves JOIN attempts USING (message)
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
IN_FLIGHT = {"sending", "committing"}


@dataclass(frozen=True)
class Move:
    """One move of one message; `at` is in seconds by the database's clock."""

    at: float
    message: bytes
    recipient: str
    before: str | None
    after: str
    owner_before: str | None
    owner_after: str | None
    claim: int


class Witness:
    """What happened to the messages of one database since its tables were made."""

    def __init__(self, tables: PostgresqlTables) -> None:
        self._tables = tables

    def begin(self) -> None:
        """Write down every move from now on; the product's tables must be there."""
        self._tables.change(_INSTALL)

    def now(self) -> float:
        """The database's clock, in seconds."""
        ((at,),) = self._tables.read("SELECT extract(epoch FROM clock_timestamp())::float8")[0]
        return float(at)

    def moves(self) -> list[Move]:
        """All moves so far, in their order."""
        return [Move(*row) for row in self._tables.read(_READ)[0]]

    def held_for_dead(self) -> set[str]:
        """The owners of all tries that ended because their worker was gone."""
        return {owner for (owner,) in self._tables.read(_HELD_FOR_DEAD)[0]}

    def wrong(self) -> list[str]:
        """What must not have happened to any message."""
        of_message: dict[bytes, list[Move]] = defaultdict(list)
        for move in self.moves():
            of_message[move.message].append(move)
        return [sentence for moves in of_message.values() for sentence in _wrong(moves)]


def _wrong(moves: Sequence[Move]) -> Iterator[str]:
    state, claim, owner = None, 0, None
    for move in moves:
        fine = (move.before, move.after) in MOVES and move.before == state and move.owner_before == owner
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
