"""Lanes: how many messages to one domain may be under way at a time, so that a slow one never holds up the others.

Pure. A domain that is alone gets nearly all slots; the more are taken, the fewer one domain may have (the dynamic
threshold of Choudhury & Hahne, 1998): there is always room for another one.
"""

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from gatepost.transport.reply import Outcome, Reply

# A domain may begin one more message while it has fewer under way than so many times the free slots.
SHARE = 7
# So many domains are remembered that were slow or put us off; they are in the statement of each claim.
MAX_NARROW = 64
# All of them together have at most this part of the slots: many slow domains are as bad as one.
NARROW_PART = 4
# UNREACHABLE is the server's matter, PERMANENT the recipient's.
_SLOW = frozenset({Outcome.TRANSIENT, Outcome.UNKNOWN})


class Allowed(NamedTuple):
    """What may be claimed now.

    Args:
        hand: of domains that are not passed over, at most so many.
        passed_over: domains that have all they may have, and all that are narrow.
        narrow: one message of these, beside that.
    """

    hand: int
    passed_over: frozenset[str]
    narrow: frozenset[str]


class Lanes:
    """Those of one worker.

    Args:
        slots: how many messages it has under way at most.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._under_way: Counter[str] = Counter()
        self._narrow: dict[str, None] = {}  # in the order in which they became so

    @property
    def free(self) -> int:
        """Slots without a message."""
        return self._slots - self._under_way.total()

    def begun(self, domain: str) -> None:
        """A message to this domain is under way."""
        self._under_way[domain] += 1

    def ended(self, domain: str, reply: Reply | None) -> None:
        """It no longer is; None where nothing was tried.

        A domain that let us wait or put us off has a lane of one until it accepts a message.
        """
        self._under_way[domain] -= 1
        if not self._under_way[domain]:
            del self._under_way[domain]
        if reply is None:
            return
        if reply.outcome is Outcome.ACCEPTED:
            self._narrow.pop(domain, None)
        elif reply.outcome in _SLOW and (reply.timed_out or reply.code is not None):
            self._narrow.setdefault(domain)
            if len(self._narrow) > MAX_NARROW:
                del self._narrow[next(iter(self._narrow))]

    def allowed(self) -> Allowed:
        """Say what may be claimed now."""
        free = self.free
        full = {domain for domain, count in self._under_way.items() if self._is_full(count, free)}
        passed_over = frozenset(full.union(self._narrow))
        most = max((count for domain, count in self._under_way.items() if domain not in passed_over), default=0)
        # So many of the domain that has most keep it below its threshold at each of them.
        hand = min(free, max(1, (SHARE * free - most) // (SHARE + 1)))
        return Allowed(hand, passed_over, self._idle_narrow())

    def opened(self, domains: Collection[str]) -> bool:
        """Whether one of these domains may begin a message now."""
        if not domains:
            return False
        allowed = self.allowed()
        return any(domain not in allowed.passed_over or domain in allowed.narrow for domain in domains)

    def _is_full(self, count: int, free: int) -> bool:
        if free == 1 and self._slots > 1:
            return True  # the last one is for a domain that has none
        return count >= SHARE * free

    def _idle_narrow(self) -> frozenset[str]:
        busy = sum(self._under_way[domain] for domain in self._narrow)
        if busy >= max(1, self._slots // NARROW_PART):
            return frozenset()
        return frozenset(domain for domain in self._narrow if domain not in self._under_way)
