"""Whose turn it is: messages that may be what kills the process go alone, one after another, beside nobody.

Pure: times are handed in, seconds of a monotonic clock.
"""

from enum import Enum

# How often it is asked whether such a message is due. Hardly ever one is, and the answer costs a look at a small index.
ASK_EVERY_S = 1.0
# After a crash loop there may be many, most of them innocent. They and the others take turns of this length.
TURN_S = 1.0
# How long nothing is claimed, so that nothing is under way when it goes; and when it is tried anew after that.
WAIT_AT_MOST_S = 10.0
AGAIN_AFTER_S = 60.0


class Turn(Enum):
    """What the next claim may take."""

    OTHERS = "others"
    ASK = "ask"  # the others, unless a suspect is due
    SUSPECT = "suspect"  # a suspect, or the others when none is due
    NOBODY = "nobody"


class Alone:
    """Decides it for one worker."""

    def __init__(self) -> None:
        self._next_at = float("-inf")
        self._waiting_since: float | None = None  # a suspect is due, and something is under way
        self._turn_since: float | None = None  # the suspects' turn
        self._trying = False

    def turn(self, now_s: float, *, idle: bool) -> Turn:
        """Say whose turn it is; `idle` when nothing of this worker is in flight or without a durable result."""
        if self._trying and not idle:
            return Turn.NOBODY
        self._trying = False
        if self._waiting_since is not None and not idle:
            if now_s - self._waiting_since < WAIT_AT_MOST_S:
                return Turn.NOBODY
            self._waiting_since = None
            self._next_at = now_s + AGAIN_AFTER_S
        if self._turn_since is not None and now_s - self._turn_since >= TURN_S:
            self._others_turn(now_s)
        if now_s < self._next_at:
            return Turn.OTHERS
        return Turn.SUSPECT if idle else Turn.ASK

    def answered(self, turn: Turn, found: bool, now_s: float) -> None:
        """Take note of what came of that turn: `found` says whether a suspect was due."""
        if turn is Turn.SUSPECT and found:
            self._trying = True
            self._waiting_since = None
            self._turn_since = now_s if self._turn_since is None else self._turn_since
        elif turn is Turn.ASK and found:
            self._waiting_since = now_s
        elif turn in (Turn.SUSPECT, Turn.ASK):
            self._waiting_since = None
            self._others_turn(now_s)

    def _others_turn(self, now_s: float) -> None:
        self._turn_since = None
        self._next_at = now_s + ASK_EVERY_S
