"""Which behaviours of the test server apply when."""

import fnmatch
from dataclasses import dataclass

from gatepost.testing.behaviours import Behaviour, Step


@dataclass
class Rule:
    """One behaviour: where, for whom, how often it is passed over first, and how often it applies (None: always)."""

    step: Step
    behaviour: Behaviour
    recipient: str | None = None
    times: int | None = None
    after: int = 0

    def applies(self, step: Step, recipient: str) -> bool:
        """Say whether it applies now; each yes uses up one of `times`, each no to its own place one of `after`."""
        if step is not self.step or self.times == 0:
            return False
        if self.recipient is not None and not fnmatch.fnmatchcase(recipient.lower(), self.recipient.lower()):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True
