"""A mail server that hangs at one step, and tells when enough dialogues have come that far."""

import threading

from gatepost.testing import Call, Hang, SubmissionServer
from gatepost.testing.behaviours import Step

REACHED_TIMEOUT_S = 20.0


class Reached:
    """Hears how many dialogues have come to a step, where they then hang.

    Args:
        mail: the server.
        step: where.
        count: how many to wait for.
        recipient: only with this one; of use from RCPT on.
        times: how many hang; None: all.
    """

    def __init__(
        self, mail: SubmissionServer, step: Step, count: int, *, recipient: str | None = None, times: int | None = None
    ) -> None:
        self._left = count
        self._all = threading.Event()
        mail.at(step, Call(self._one_more), recipient=recipient, times=times)
        mail.at(step, Hang(), recipient=recipient, times=times)

    def _one_more(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._all.set()

    def wait(self) -> None:
        assert self._all.wait(REACHED_TIMEOUT_S), f"{self._left} dialogues did not come so far"
