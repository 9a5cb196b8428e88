"""What a run of random kills came to, as a table."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.faults.tries import Findings


@dataclass
class Report:
    """What a run came to; `differences` must be empty."""

    seed: int
    kills: int = 0
    kills_during_start: int = 0
    fronts_killed: int = 0
    seconds: float = 0.0
    seconds_killing: float = 0.0
    acknowledged: int = 0
    asked: int = 0
    accounts: int = 0
    messages: dict[str, int] = field(default_factory=dict)
    received: int = 0
    copies: int = 0
    found_sending: int = 0
    found_committing: int = 0
    most_committing: int = 0
    most_copies: int = 0
    received_before_the_mark: int = 0
    never_twice_received_again: int = 0
    mean_start_s: float = 0.0
    links_tried: int = 0
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(f"{name:52} {value}" for name, value in self.rows())

    def enter(self, findings: Findings) -> None:
        """What the tries tell."""
        self.found_sending = sum(kill.sending for kill in findings.kills.values())
        self.found_committing = sum(kill.committing for kill in findings.kills.values())
        self.most_committing, self.most_copies = findings.most_committing, findings.most_copies
        self.received_before_the_mark = findings.received_before_the_mark
        self.never_twice_received_again = findings.never_twice_received_again
        explained = sum(kill.copies for kill in findings.kills.values())
        if self.copies != explained:
            self.differences.append(f"{self.copies} copies, and {explained} of them a kill explains")
        self.differences += findings.wrong[:5]

    def rows(self) -> Iterator[tuple[str, str]]:
        """The report as a table of two columns."""
        states = ", ".join(f"{state} {count:,}" for state, count in sorted(self.messages.items()))
        yield "seed", str(self.seed)
        yield "kills", f"{self.kills} ({self.kills_during_start} of them during the start)"
        if self.fronts_killed:
            yield "front ends killed besides", str(self.fronts_killed)
        yield "duration", f"{self.seconds:.0f} s ({self.seconds_killing:.0f} s of it under kills)"
        if self.mean_start_s:
            yield "start until ready, mean", f"{self.mean_start_s * 1000:.0f} ms"
        yield "registrations asked for", f"{self.asked:,}"
        yield "acknowledged", f"{self.acknowledged:,}"
        yield "accounts", f"{self.accounts:,}"
        yield "messages", states
        yield "received by the mail server", f"{self.received:,}"
        yield "found `sending` after a kill", f"{self.found_sending:,}"
        yield (
            "found `committing` after a kill",
            f"{self.found_committing:,} (at most {self.most_committing} at one kill)",
        )
        yield "copies", f"{self.copies:,} (at most {self.most_copies} of one kill)"
        yield "copies of messages killed before the mark", str(self.received_before_the_mark)
        yield "`never_twice` received twice", str(self.never_twice_received_again)
        yield "mailed links tried", str(self.links_tried)
        yield "lost or wrong", str(len(self.differences))
