"""What became of one fact that came back. Pure."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from gatepost.events import AddressSuppressed, BouncesUnusual
from gatepost.feedback.fact import Fact


class Outcome(StrEnum):
    """What was done with a fact."""

    APPLIED = "applied"
    KEPT = "kept"  # its message is not settled yet: it is applied once it is
    REPEATED = "repeated"  # it is known already: nothing was done
    UNMATCHED = "unmatched"  # about no message of ours


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One fact and what became of it.

    Args:
        fact: the fact.
        outcome: what was done with it.
        message: the message it is about.
        state: the message's state now; None without a message, and of a fact that was repeated.
        suppressed: the suppression that came of it, to be told once the transaction is durable.
        unusual: why none came of it although the mailbox does not exist: too many came back. To be told likewise.
        believed: whether it was believed that the mailbox does not exist.
    """

    fact: Fact
    outcome: Outcome
    message: uuid.UUID | None = None
    state: str | None = None
    suppressed: AddressSuppressed | None = None
    unusual: BouncesUnusual | None = None
    believed: bool = False
