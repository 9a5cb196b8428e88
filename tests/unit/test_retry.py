"""Where a reply leads."""

import uuid
from typing import Any

import pytest

from gatepost.delivery.retry import MAX_TEMPLATE_DELAY_S, judge, without_template
from gatepost.mail.draft import IfUnknown
from gatepost.outbox.claim import Claimed
from gatepost.outbox.lifecycle import State
from gatepost.outbox.settle import Verdict
from gatepost.transport.reply import Outcome, Phase, Reply

NOW_MS = 1_000_000
MIDDLE = 0.5  # the chance that neither shortens nor lengthens a delay


def _claimed(**changes: Any) -> Claimed:
    fields: dict[str, Any] = {
        "id": uuid.UUID(int=7),
        "owner": "worker",
        "claim_number": 1,
        "attempts": 0,
        "unknowns": 0,
        "template": "verification",
        "locale": "en",
        "recipient": "a@example.com",
        "values": {},
        "message_id": "<a@b>",
        "account_id": None,
        "token_id": None,
        "request_id": None,
        "priority": 0,
        "if_unknown": IfUnknown.AGAIN,
        "created_at": 0,
        "expires_at": NOW_MS + 48 * 3_600_000,
    }
    return Claimed(**(fields | changes))


def _delay_s(outcome: Outcome, attempts: int, chance: float = MIDDLE, **changes: Any) -> float:
    verdict = judge(Reply(outcome, Phase.RCPT), _claimed(attempts=attempts, **changes), NOW_MS, chance)
    assert State.DEFERRED is verdict.state
    assert verdict.due_at is not None
    return (verdict.due_at - NOW_MS) / 1000


def _unreachable(*, room: bool, chance: float = MIDDLE, **changes: Any) -> Verdict:
    return judge(Reply(Outcome.UNREACHABLE, Phase.CONNECT), _claimed(**changes), NOW_MS, chance, room=room)


def test_each_failure_is_followed_by_a_longer_delay() -> None:
    """5 s, 30 s, 2 m, 10 m, 30 m, 1 h, 2 h, 4 h, 8 h, 16 h, then every 24 h."""
    schedule = [5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 57_600, 86_400, 86_400]
    week = NOW_MS + 7 * 24 * 3_600_000
    assert schedule == [_delay_s(Outcome.TRANSIENT, attempts, expires_at=week) for attempts in range(12)]
    assert 86_400 == _delay_s(Outcome.TRANSIENT, 10_000, expires_at=week)


def test_messages_that_failed_together_come_back_spread() -> None:
    """A fifth earlier to a fifth later."""
    assert (4.0, 5.0) == (_delay_s(Outcome.TRANSIENT, 0, chance=0), _delay_s(Outcome.TRANSIENT, 0, chance=0.5))
    assert 5.99 < _delay_s(Outcome.TRANSIENT, 0, chance=0.999) < 6


def test_an_outage_costs_a_message_nothing() -> None:
    """No server can be used: uncounted, and it keeps its place, however often it is found out."""
    verdict = _unreachable(room=False, attempts=7, created_at=12_345)
    assert (State.DEFERRED, "unreachable", False) == (verdict.state, verdict.reason, verdict.counted)
    assert 12_345 == verdict.due_at


def test_a_message_whose_server_failed_goes_to_another_soon() -> None:
    """Another server can be used: in about a second, whatever came before, and not at once, which would be a loop."""
    assert [800, 1_000] == [(_unreachable(room=True, chance=chance).due_at or 0) - NOW_MS for chance in (0.0, 0.5)]
    assert not _unreachable(room=True).counted


def test_a_clock_that_was_set_back_makes_no_message_wait() -> None:
    """Created later than now: due now."""
    assert NOW_MS == _unreachable(room=False, created_at=NOW_MS + 3_600_000).due_at


def test_no_retry_is_due_after_the_message_has_expired() -> None:
    """At its end it is looked at once more, and found expired."""
    assert 2.0 == _delay_s(Outcome.TRANSIENT, 9, expires_at=NOW_MS + 2_000)
    assert 0.0 == _delay_s(Outcome.TRANSIENT, 9, expires_at=NOW_MS - 2_000)


def test_a_message_without_its_template_waits_for_a_worker_that_has_it() -> None:
    """Soon at first, every ten minutes in the end, and it never counts as a try."""
    verdicts = [without_template(_claimed(claim_number=number), NOW_MS, MIDDLE) for number in (1, 2, 3, 50)]
    assert {("deferred", "template_unknown", False)} == {(one.state, one.reason, one.counted) for one in verdicts}
    delays = [((one.due_at or 0) - NOW_MS) / 1000 for one in verdicts]
    assert [5, 10, 20, MAX_TEMPLATE_DELAY_S] == delays


def test_a_permanent_failure_is_not_tried_again() -> None:
    """5yz: failed at once, with the reason."""
    verdict = judge(Reply(Outcome.PERMANENT, Phase.RCPT, 550), _claimed(), NOW_MS, MIDDLE)
    assert (State.FAILED, "refused", None) == (verdict.state, verdict.reason, verdict.due_at)


def test_an_accepted_message_is_accepted() -> None:
    """2yz after the final dot."""
    verdict = judge(Reply(Outcome.ACCEPTED, Phase.FINAL_REPLY, 250), _claimed(), NOW_MS, MIDDLE)
    assert (State.ACCEPTED, True) == (verdict.state, verdict.counted)


@pytest.mark.parametrize(("policy", "due"), [(IfUnknown.AGAIN, NOW_MS + 30_000), (IfUnknown.NEVER_TWICE, None)])
def test_what_may_have_been_taken_follows_its_policy(policy: IfUnknown, due: int | None) -> None:
    """A second verification does no harm, a second welcome does."""
    verdict = judge(Reply(Outcome.UNKNOWN, Phase.FINAL_REPLY), _claimed(if_unknown=policy), NOW_MS, MIDDLE)
    assert (State.UNKNOWN, due, True) == (verdict.state, verdict.due_at, verdict.perhaps_taken)


def test_a_message_that_is_no_longer_ours_has_no_verdict() -> None:
    """Somebody else settles it; judging it is a mistake of ours."""
    with pytest.raises(ValueError, match="no longer ours"):
        judge(Reply(Outcome.NOT_OURS, Phase.RCPT), _claimed(), NOW_MS, MIDDLE)
