"""How much of what is not over yet lies in the outbox, and since when; at a price that does not grow with the table."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, ScalarSelect, func, select

from gatepost.outbox.lifecycle import UNACCEPTED, WAITING, State
from gatepost.outbox.stretch import stretch
from gatepost.outbox.tables import messages

# Of what is over, events are counted instead: it would be counted again at every look, and there is more each day.
COUNTED = UNACCEPTED | {State.UNKNOWN}
MAX_COUNTED = 100_000


@dataclass(frozen=True)
class Depths:
    """What is not over yet.

    Args:
        by_state: messages in each state of COUNTED; MAX_COUNTED means that many or more.
        oldest_waiting_at: when the oldest message that waits was written, in milliseconds since the epoch; None: none.
    """

    by_state: Mapping[str, int]
    oldest_waiting_at: int | None


def depths(connection: Connection) -> Depths:
    """Count the messages that are not over yet and find the oldest that waits."""
    row = connection.execute(_DEPTHS).mappings().one()
    oldest = [at for state in sorted(WAITING) if (at := row[f"oldest_{state}"]) is not None]
    return Depths({str(state): row[state] for state in sorted(COUNTED)}, min(oldest, default=None))


def _count(state: State) -> ScalarSelect[int]:
    some = stretch({"state": state}, newest_first=False).limit(MAX_COUNTED).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def _oldest(state: State) -> ScalarSelect[int]:
    first = stretch({"state": state}, newest_first=False).limit(1)
    return first.with_only_columns(messages.c.created_at).scalar_subquery()


# One statement, so that everything is of one moment.
_DEPTHS = select(
    *(_count(state).label(state) for state in sorted(COUNTED)),
    *(_oldest(state).label(f"oldest_{state}") for state in sorted(WAITING)),
)
