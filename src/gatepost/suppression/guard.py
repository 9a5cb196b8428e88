"""Whether a server is believed that an address does not exist: not while it says so of too many.

A server that lost its list of users, or a provider that blocks us, refuses everybody; to believe it would end the mail
to people who did nothing. Kept in memory, by each process for itself. No I/O; may be asked from any thread.
"""

import threading
from collections import deque

from gatepost.events import BouncesUnusual

# Of a server's last ANSWERS about recipients at most MAX_HARD may be hard bounces.
ANSWERS = 50
MAX_HARD = 10
# Servers stand in the settings and are few. Should names ever come from elsewhere, the rest of them share one.
MAX_SERVERS = 100
OTHERS = "others"


class Guard:
    """Counts what servers say about recipients."""

    def __init__(self) -> None:
        self._answers: dict[str, deque[bool]] = {}
        self._unusual: set[str] = set()
        self._counting = threading.Lock()

    def answered(self, server: str, *, hard: bool) -> BouncesUnusual | None:
        """Count one answer about a recipient; return the alarm when it is the one too many.

        Args:
            server: `host:port`, or the provider's name.
            hard: whether it said that the address does not exist; False for any other answer that is final.
        """
        with self._counting:
            name, answers = self._of(server)
            answers.append(hard)
            if not hard and name not in self._unusual:
                return None
            count = answers.count(True)
            if count <= MAX_HARD:
                self._unusual.discard(name)
                return None
            if name in self._unusual:
                return None
            self._unusual.add(name)
            return BouncesUnusual(server=name, hard=count, answers=len(answers))

    def believes(self, server: str) -> bool:
        """Say whether something may be suppressed by this server's word."""
        with self._counting:
            return (server if server in self._answers else OTHERS) not in self._unusual

    def _of(self, server: str) -> tuple[str, deque[bool]]:
        if server not in self._answers and len(self._answers) >= MAX_SERVERS:
            server = OTHERS
        if server not in self._answers:
            self._answers[server] = deque(maxlen=ANSWERS)
        return server, self._answers[server]
