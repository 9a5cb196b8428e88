"""What may be done about a message and its account now: only that is offered, and of a resend it is said why not. Pure.

Who decides is the transaction that does it: meanwhile another may have been quicker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gatepost.accounts import address_correction, reset_by_operator
from gatepost.accounts.account import AccountRow
from gatepost.errors import ActionRefused, MessageInFlight
from gatepost.operators.role import Role
from gatepost.outbox.actions import (
    BY_OPERATOR,
    COPY_DUE_TEXT,
    FORGOTTEN_TEXT,
    NOBODY_TEXT,
    NOT_WANTED_TEXT,
    TIME_IS_UP_TEXT,
    Action,
    check,
)
from gatepost.outbox.lifecycle import State
from gatepost.outbox.retention import ANONYMISED
from gatepost.outbox.search import MessageRow

# The last part of an address.
CORRECT_ADDRESS = "correct-address"
START_RESET = "start-reset"
# Who may act on a message.
LEAST: Mapping[Action, Role] = {
    Action.RESEND: Role.SUPPORT,
    Action.HOLD: Role.OPERATOR,
    Action.RELEASE: Role.OPERATOR,
    Action.CANCEL: Role.OPERATOR,
}
_LABELS: Mapping[Action, str] = {
    Action.RESEND: "Send it once more",
    Action.RELEASE: "Release it",
    Action.HOLD: "Hold it",
    Action.CANCEL: "Cancel it",
}


@dataclass(frozen=True)
class Offer:
    """One action: the last part of its address, what its form is called, and whether it cannot be taken back."""

    action: str
    label: str
    final: bool = False


def offers(message: MessageRow, account: AccountRow | None, role: Role, now_ms: int) -> Sequence[Offer]:
    """Return what this operator may do now.

    Args:
        message: to which message.
        account: whose it is; None where it is nobody's.
        role: what the operator may do.
        now_ms: wall time in milliseconds.
    """
    offered = [
        Offer(str(action), label, final=action is Action.CANCEL)
        for action, label in _LABELS.items()
        if role.may(LEAST[action]) and refusal(action, message, now_ms) is None
    ]
    if account is not None and address_correction.why_not(account) is None:
        offered.append(Offer(CORRECT_ADDRESS, "Correct the address"))
    if account is not None and reset_by_operator.why_not(account) is None:
        offered.append(Offer(START_RESET, "Start a reset of the password"))
    return offered


def refusal(action: Action, message: MessageRow, now_ms: int) -> str | None:
    """Say why an action does not fit what became of a message; None where it does."""
    try:
        check(action, State(message.state))
    except (ActionRefused, MessageInFlight) as error:
        return error.text
    if action is Action.RELEASE:
        return TIME_IS_UP_TEXT if message.expires_at <= now_ms else None
    if action is not Action.RESEND:
        return None
    if message.recipient is None:
        return NOBODY_TEXT
    if message.recipient == ANONYMISED:
        return FORGOTTEN_TEXT
    if message.state == State.CANCELLED and message.reason != BY_OPERATOR:
        return NOT_WANTED_TEXT
    return COPY_DUE_TEXT if message.state == State.UNKNOWN and message.due_at is not None else None
