"""What is wrong with a template: which rule, how bad, in which file of which message, and the way out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

# The places a finding can be in: the three files of a template, and what is not the template's alone.
SUBJECT, TEXT, PAGE, MESSAGE = "subject.txt", "body.txt", "body.html", "message"


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"  # somebody cannot read, use or trust the mail
    WARNING = "warning"  # it works, and could be better


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Args:
        rule: stable, for programs.
        severity: how bad it is.
        file: SUBJECT, TEXT, PAGE or MESSAGE.
        text: what it is and the way out, marked with `N_`, with `%(name)s` where a value stands.
        values: the values, by name.
        message: whose file it is.
        language: in which language.
        samples: the samples that show it; none where it does not depend on values.
    """

    rule: str
    severity: Severity
    file: str
    text: str
    values: Mapping[str, str | int] = field(default_factory=dict, hash=False)
    message: str = ""
    language: str = ""
    samples: tuple[str, ...] = ()

    @property
    def detail(self) -> str:
        """The sentences in English."""
        return self.text % self.values if self.values else self.text

    @property
    def place(self) -> str:
        """Where to look, below the folder of templates."""
        folder = f"{self.message}/{self.language}"
        return folder if self.file == MESSAGE else f"{folder}/{self.file}"


Findings = Iterator[Finding]


def error(rule: str, file: str, text: str, **values: str | int) -> Finding:
    """Find something that keeps people from reading, using or trusting a mail."""
    return Finding(rule=rule, severity=Severity.ERROR, file=file, text=text, values=values)


def warning(rule: str, file: str, text: str, **values: str | int) -> Finding:
    """Find something that could be better."""
    return Finding(rule=rule, severity=Severity.WARNING, file=file, text=text, values=values)
