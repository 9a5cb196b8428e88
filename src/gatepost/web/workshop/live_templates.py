"""A product's templates as its folder holds them now, for whoever writes them. Mail goes out as read at the start."""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gatepost.errors import GatepostError, TemplateError
from gatepost.mail.compose import Composer
from gatepost.mail.linter.finding import Finding
from gatepost.mail.linter.lint import lint_one
from gatepost.mail.preview import Preview, preview
from gatepost.mail.samples import COMPLETE
from gatepost.mail.templates import Templates


@dataclass(frozen=True)
class Reading:
    """What was read.

    Args:
        templates: what the messages say.
        composer: of the sender.
        unread: why the folder cannot be read as it is now; then `templates` are those of before. Empty when it can.
    """

    templates: Templates
    composer: Composer
    unread: str = ""
    _found: dict[tuple[str, str], list[Finding]] = field(default_factory=dict, repr=False)

    def findings(self, message: str, language: str) -> list[Finding]:
        """What is wrong with one message in one language; looked for once."""
        key = (message, language)
        if key not in self._found:
            self._found[key] = lint_one(self.templates, self.composer, message, language)
        return self._found[key]

    def every_finding(self) -> list[Finding]:
        """What is wrong with any."""
        return [one for message, language in self.mails() for one in self.findings(message, language)]

    def mails(self) -> Sequence[tuple[str, str]]:
        """Every message in every language it is written in."""
        return [(message, tag) for message in self.templates.names for tag in self.templates.languages(message)]

    def show(self, message: str, language: str, sample: str) -> Preview | None:
        """One sample; None when it cannot be composed, which is among the findings."""
        try:
            return preview(self.templates, self.composer, message, language, sample)
        except GatepostError:
            return None

    def subject(self, message: str, language: str) -> str:
        """What the subject says where all values are there; empty when it cannot be composed."""
        shown = self.show(message, language, COMPLETE)
        return "" if shown is None else shown.subject


class LiveTemplates:
    """Reads a product's folder again whenever it has changed. Blocking: call it off the event loop.

    Args:
        templates: as they were read at the start.
        composer: of the sender.
    """

    def __init__(self, templates: Templates, composer: Composer) -> None:
        self._folder = templates.own_folder
        self._stamp = b"" if self._folder is None else _stamp(self._folder)
        self._good = Reading(templates, composer)
        self._now = self._good
        self._lock = threading.Lock()

    @property
    def folder(self) -> Path | None:
        """The product's folder; None where all templates are ours, which do not change."""
        return self._folder

    def read(self) -> Reading:
        """Return what the folder holds now, or what it held before it could not be read."""
        with self._lock:
            if self._folder is not None and (stamp := _stamp(self._folder)) != self._stamp:
                self._stamp, self._now = stamp, self._read_again()
            return self._now

    def _read_again(self) -> Reading:
        try:
            self._good = Reading(self._good.templates.read_again(), self._good.composer)
        except TemplateError as error:
            return Reading(self._good.templates, self._good.composer, str(error), self._good._found)
        return self._good


def _stamp(folder: Path) -> bytes:
    """A digest of all that is read of a folder of templates: names and contents, not times, which may stand still."""
    digest = hashlib.sha256()
    for file in sorted((*folder.glob("layout.*"), *folder.glob("*/*/*"), *folder.glob("*/*"))):
        digest.update(f"{file}\0".encode("utf-8", "surrogateescape"))
        try:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        except OSError:  # a folder, or what nobody can read
            continue
    return digest.digest()
