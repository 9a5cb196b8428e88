"""What an order needs, and how all orders look: plain values in, plain values out, as JSON has them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from gatepost.accounts.gate import Gate
from gatepost.audit.trail import Signature
from gatepost.clock import Clock
from gatepost.database.connection import Work
from gatepost.events import Events
from gatepost.feedback.fact import Fact
from gatepost.feedback.taken import Taken
from gatepost.suppression.hiding import Hiding

T = TypeVar("T")

Values = Mapping[str, Any]


async def leave_as_it_is() -> str | None:
    """Scrub nothing."""
    return None


async def ring_for_nobody() -> None:
    """Wake no worker: here runs none."""


class Write(Protocol):
    """Runs a work in one durable transaction, and rings the worker after it."""

    async def __call__(self, work: Work[T], /) -> T: ...


@dataclass(frozen=True)
class OrderDesk:
    """What orders work with.

    Args:
        write: runs a work in one durable transaction.
        clock: what time it is.
        events: told what was done.
        hiding: hides the addresses of suppressions.
        gate: what the account flows need; what they write rings by `ring` alone.
        unknown_addresses: every keyed hash under which messages about an address key without an account may stand.
        take_feedback: takes facts, durably; see `FeedbackDesk.take`.
        scrub: makes what was deleted unreadable in the files of the database, as far as it can; see `Database.scrub`.
        ring: wakes the worker.
    """

    write: Write
    clock: Clock
    events: Events
    hiding: Hiding
    gate: Gate
    unknown_addresses: Callable[[str], list[str]]
    take_feedback: Callable[[Sequence[Fact]], Awaitable[list[Taken]]]
    scrub: Callable[[], Awaitable[str | None]] = leave_as_it_is
    ring: Callable[[], Awaitable[None]] = ring_for_nobody


class Order(Protocol):
    """One thing the command line may ask for.

    Raises:
        InvalidInput: a value is missing or cannot be used.
        GatepostError: it cannot be done; the text says why and what to do.
        TryLater: nothing was done, or nobody knows.
    """

    async def __call__(self, desk: OrderDesk, values: Values, by: Signature) -> dict[str, Any]: ...
