"""Where the walk past full lanes goes on, so that a long backlog of one domain is not walked past at every claim.

Pure: times are handed in, seconds of a monotonic clock.
"""

from dataclasses import dataclass, field

from gatepost.mail.draft import Priority
from gatepost.outbox.claim_lanes import Passed, Since

# What became due before that place meanwhile (given back, or by a clock that is behind) is found by starting over: so
# often, but never for more than a twentieth of the time, and not so seldom that anybody notices.
START_OVER_AFTER_S = 1.0
WALK_PART = 20
START_OVER_AT_MOST_S = 30.0
# Sets of lanes whose place is known: a domain that gets and loses its last slot makes two of them.
MAX_WALKS = 16

# The lanes that are passed over, or walked for; and which of the two.
Lanes = tuple[frozenset[str], bool]


@dataclass
class _Walk:
    began_s: float
    took_s: float = 0.0
    ended: bool = False
    heard: int = -1  # when it last came to the end, so many bells had rung
    since: Since = field(default_factory=dict[Priority, int])

    def is_over(self, now_s: float) -> bool:
        after_s = min(max(START_OVER_AFTER_S, WALK_PART * self.took_s), START_OVER_AT_MOST_S)
        return now_s - self.began_s >= after_s


class Walks:
    """The places, for each set of lanes."""

    def __init__(self) -> None:
        self._walks: dict[Lanes, _Walk] = {}

    def since(self, lanes: Lanes, now_s: float) -> Since:
        """Say where the next walk for these lanes begins."""
        walk = self._walks.pop(lanes, None)
        if walk is None or walk.is_over(now_s):
            walk = _Walk(now_s)
        self._walks[lanes] = walk
        if len(self._walks) > MAX_WALKS:
            del self._walks[next(iter(self._walks))]
        return walk.since

    def in_vain(self, lanes: Lanes, now_s: float, bells: int) -> bool:
        """Whether a walk for these lanes would find nothing: the last one came to the end, and no bell rang since."""
        walk = self._walks.get(lanes)
        return walk is not None and walk.heard == bells and not walk.is_over(now_s)

    def walked(self, lanes: Lanes, passed: Passed, took_s: float, bells: int) -> None:
        """Take note of how far one walk came, how long it took, and how many bells had rung before it began."""
        if (walk := self._walks.get(lanes)) is not None:
            if not walk.ended:  # once at the end, each further walk is as short as what became due meanwhile
                walk.took_s += took_s
            walk.ended = walk.ended or passed.ended
            walk.heard = bells if passed.ended else -1
            walk.since = passed.since
