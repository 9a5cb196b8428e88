"""What dead workers had in flight is taken over in time, and a dead one that comes back changes nothing."""

from tests.faults.postgresql.take_over import (
    AFTERWARDS,
    FROZEN_COMMITTING,
    FROZEN_SENDING,
    KILLED_COMMITTING,
    KILLED_SENDING,
    Aftermath,
)
from tests.faults.rest import tell

# Dead 30 s after the last beat, looked for every 10 s, and something to spare.
TAKEN_OVER_WITHIN_S = 45.0


def test_a_killed_workers_messages_are_taken_over_in_time(aftermath: Aftermath) -> None:
    """By the database's clock within 45 s of the kill, without an operator and without a restart."""
    took_s = {one: aftermath.taken_over_s(one) for one in (KILLED_SENDING, KILLED_COMMITTING)}
    tell(f"taken over after the kill: {took_s}")
    assert [] == [one for one, seconds in took_s.items() if seconds > TAKEN_OVER_WITHIN_S]
    assert {KILLED_SENDING: 1, KILLED_COMMITTING: 1} == {one: aftermath.received[one] for one in took_s}


def test_a_frozen_workers_messages_are_taken_over_in_time(aftermath: Aftermath) -> None:
    """A worker that is silent for 30 s is dead to the others, whether it comes back or not."""
    took_s = {one: aftermath.taken_over_s(one) for one in (FROZEN_SENDING, FROZEN_COMMITTING)}
    tell(f"taken over after the freeze: {took_s}")
    assert [] == [one for one, seconds in took_s.items() if seconds > TAKEN_OVER_WITHIN_S]


def test_a_worker_that_comes_back_loses_its_claims(aftermath: Aftermath) -> None:
    """Its late mark and its late settle are both refused, and it says so."""
    lost = [line for line in aftermath.log_of_frozen if line["event"] == "claim_lost"]
    ids = {move.message.hex() for move in aftermath.moves if move.recipient in (FROZEN_SENDING, FROZEN_COMMITTING)}
    assert ids == {str(line["message"]).replace("-", "") for line in lost}
    assert 2 == len(lost)


def test_what_it_had_before_the_mark_arrives_once(aftermath: Aftermath) -> None:
    """The heir sends it; the one that came back breaks off before the content."""
    assert 1 == aftermath.received[FROZEN_SENDING]
    message = aftermath.messages[FROZEN_SENDING]
    assert ("accepted", (("worker_died", False), ("accepted", True))) == (message.state, message.tries)


def test_what_it_had_after_the_mark_arrives_at_most_twice(aftermath: Aftermath) -> None:
    """Two copies with one Message-ID, one counted try each; what the late one was answered is not written down."""
    assert 2 == aftermath.received[FROZEN_COMMITTING]
    message = aftermath.messages[FROZEN_COMMITTING]
    assert ("accepted", (("worker_died", True), ("accepted", True))) == (message.state, message.tries)


def test_a_worker_that_came_back_works_again(aftermath: Aftermath) -> None:
    """Alone again, it delivers what is registered then."""
    assert 1 == aftermath.received[AFTERWARDS]


def test_the_ledgers_agree(aftermath: Aftermath) -> None:
    """Driver, database and mail server say the same, and every move was legal."""
    assert [] == aftermath.differences
    assert {"accepted"} == {message.state for message in aftermath.messages.values()}
