"""How many messages a second a server is given: a token bucket. Pure; times are handed in, in seconds."""

# A reader that waits for room is told of it once in so many seconds, and not for each token of a high rate.
GATHER_S = 0.05


class Rate:
    """Tokens come at a rate and are kept up to one second's worth; each message takes one, also when there is none.

    Args:
        per_second: messages a second, more than 0.
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second)
        self._tokens = self._most
        self._at: float | None = None

    def room(self, now: float) -> int:
        """How many messages may begin now."""
        self._refill(now)
        return max(0, int(self._tokens))

    def take(self, now: float) -> None:
        """Count a message as begun."""
        self._refill(now)
        self._tokens -= 1

    def ready_in_s(self, now: float) -> float:
        """Seconds until there is room again; 0 when there is."""
        self._refill(now)
        if self._tokens >= 1:
            return 0.0
        wanted = min(self._most, max(1.0, self._per_second * GATHER_S))
        return (wanted - self._tokens) / self._per_second

    def _refill(self, now: float) -> None:
        if self._at is not None:
            self._tokens = min(self._most, self._tokens + max(0.0, now - self._at) * self._per_second)
        self._at = now
