"""What may not be stored cannot be stored, whoever writes."""

import uuid
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from gatepost.database.connection import Database
from gatepost.mail.draft import Draft
from gatepost.outbox.enqueue import enqueue
from gatepost.outbox.lifecycle import BIRTHS, IN_FLIGHT, MOVES, State
from gatepost.outbox.tables import messages

DRAFT = Draft(template="welcome", locale="en", recipient="a@example.com", recipient_key="a@example.com")


def _store(tx: Any) -> uuid.UUID:
    return enqueue(tx, DRAFT, now_ms=1_000, domain="gatepost.example").id


def _fields(state: State) -> dict[str, Any]:
    return {
        "state": str(state),
        "owner": "somebody" if state in IN_FLIGHT else None,
        "due_at": 1_000,
        "reason": "a reason",
    }


def _path_to(wanted: State) -> list[State]:
    """The shortest legal way from `queued`."""
    paths: list[list[State]] = [[State.QUEUED]]
    while paths:
        path = paths.pop(0)
        if path[-1] is wanted:
            return path[1:]
        paths.extend([*path, following] for following in sorted(MOVES[path[-1]]) if following not in path)
    raise AssertionError(wanted)


@pytest.mark.parametrize("before", [state for state in State if state is not State.SUPPRESSED])
async def test_the_database_lets_a_message_move_only_where_it_may(database: Database, before: State) -> None:
    """From every state, each of the thirteen updates succeeds exactly when the table of moves says so."""
    for after in State:
        if after is before:
            continue

        def work(tx: Any, after: State = after) -> bool:
            row_id = _store(tx)
            for state in [*_path_to(before), None]:
                target = after if state is None else state
                query = update(messages).where(messages.c.id == row_id).values(_fields(target))
                if state is not None:
                    tx.execute(query)
                    continue
                try:
                    with tx.begin_nested():
                        tx.execute(query)
                except IntegrityError as error:
                    assert "illegal move" in str(error)
                    return False
            return True

        assert (after in MOVES[before]) == await database.write(work), (before, after)


@pytest.mark.parametrize("state", list(State))
async def test_a_message_is_born_queued_or_decided(database: Database, state: State) -> None:
    """Nobody can insert a message that claims to be accepted."""

    def work(tx: Any) -> None:
        values = {column.name: None for column in messages.c} | {
            "id": uuid.uuid4(),
            "template": "welcome",
            "locale": "en",
            "recipient": "a@example.com",
            "recipient_key": "a@example.com",
            "template_values": "{}",
            "message_id": "<a@b>",
            "priority": 1,
            "if_unknown": "again",
            "created_at": 1,
            "expires_at": 2,
            "claim_number": 0,
            "attempts": 0,
            "unknowns": 0,
            "deaths": 0,
            "security": 0,
        }
        tx.execute(messages.insert(), values | _fields(state))

    if state in BIRTHS:
        await database.write(work)
    else:
        with pytest.raises(IntegrityError, match="illegal first state"):
            await database.write(work)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"state": "sent"}, "illegal move"),
        ({"owner": "somebody"}, "owner_in_flight"),
        ({"state": "sending"}, "owner_in_flight"),
        ({"due_at": None}, "due_when_waiting"),
        ({"state": "cancelled"}, "reason_when_stopped"),
        ({"recipient": None}, "recipient_unless_cancelled"),
        ({"attempts": 1}, "counters"),
        ({"priority": 7}, "priority"),
        ({"if_unknown": "perhaps"}, "if_unknown"),
        ({"expires_at": 0}, "expires_after_creation"),
    ],
)
async def test_a_row_that_breaks_a_rule_is_refused(database: Database, change: dict[str, Any], rule: str) -> None:
    """Each CHECK says no to the row it was written against."""

    def work(tx: Any) -> None:
        row_id = _store(tx)
        tx.execute(update(messages).where(messages.c.id == row_id).values(change))

    with pytest.raises(IntegrityError, match=rule):
        await database.write(work)
