"""What the mails say and what is wrong with them, looked at once: they stay as they were read at the start.

To make and read every mail in every language with every sample takes a third of a second, and with a product's own
more: so it is done beside everything else once somebody looks, and whoever looks waits for a moment only.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gatepost.mail.linter.finding import Finding, Severity
from gatepost.web.workshop.live_templates import Reading

PATIENCE_S = 0.05


class Stopping(Protocol):
    """Whether the process stops."""

    def is_set(self) -> bool: ...


@dataclass(frozen=True)
class Checked:
    """One message in one language.

    Args:
        message: its name.
        language: the tag of the language.
        subject: as its reader sees it where all values are there; empty where the mail cannot be made.
        findings: what is wrong with it; None: not looked at yet.
    """

    message: str
    language: str
    subject: str = ""
    findings: Sequence[Finding] | None = None

    @property
    def errors(self) -> int:
        """How many findings keep people from reading, using or trusting the mail."""
        return sum(one.severity is Severity.ERROR for one in self.findings or ())


class TemplateCheck:
    """Looks at every mail, once.

    Args:
        reading: what was read.
        stopping: once set nothing more is looked at.
    """

    def __init__(self, reading: Reading, stopping: Stopping) -> None:
        self._reading = reading
        self._stopping = stopping
        self._checked = {mail: Checked(*mail) for mail in reading.mails()}
        self._looking: asyncio.Task[None] | None = None

    async def every(self, patience_s: float = PATIENCE_S) -> Sequence[Checked]:
        """Return what is known of every mail, after a moment at most."""
        if self._left():
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look(), name="templates")
            await asyncio.wait([self._looking], timeout=patience_s)
        return list(self._checked.values())

    def _left(self) -> list[tuple[str, str]]:
        return [mail for mail, one in self._checked.items() if one.findings is None]

    async def _look(self) -> None:
        for mail in self._left():
            if self._stopping.is_set():
                return
            self._checked[mail] = await asyncio.to_thread(self._look_at, *mail)

    def _look_at(self, message: str, language: str) -> Checked:
        reading = self._reading
        return Checked(message, language, reading.subject(message, language), reading.findings(message, language))
