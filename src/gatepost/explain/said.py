"""What a server said, put into words that name it: "gmail.com says the mailbox is full". Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from gatepost.feedback.fact import Bounce
from gatepost.feedback.history import FactRow
from gatepost.mail.address import mask_address
from gatepost.outbox.search import AttemptRow, MessageRow
from gatepost.transport.outcome import Outcome
from gatepost.transport.reply import one_line
from gatepost.transport.reply_statuses import NO_SUCH_ADDRESS, STATUSES
from gatepost.transport.reply_table import row_of

# A name may have 253 characters. A sentence that is read out has room for so many, of its end: that says whose it is.
MAX_NAME_CHARACTERS = 40
SOME_DOMAIN = "the recipient's mail system"
SOME_SERVER = "the mail server"

# What a try came to when it was not a server that decided it.
_OF_OUR_OWN: Mapping[str, str] = {
    "worker_died": "the process died while it had the message",
    "given_back": "the service stopped before it had handed anything over",
    "not_marked": "the database could not write, so nothing was handed over",
    "not_composed": "no mail could be made of it, by a mistake in a template or a value",
    Outcome.NOT_OURS: "another worker had taken the message meanwhile",
    Outcome.ACCEPTED: "{server} took the message over",
    Outcome.TRANSIENT: "{server} did not take the message this time",
    Outcome.PERMANENT: "{server} says it cannot be delivered",
    Outcome.UNREACHABLE: "no mail server could be used",
    Outcome.UNKNOWN: "{server} was given the message and did not say whether it took it",
}
_NEVER_HEARD_OF = "what came of the last try has no explanation here"
_OF_BOUNCES: Mapping[str | None, str] = {
    Bounce.HARD: "the mailbox does not exist",
    Bounce.SOFT: "the mailbox takes nothing at present",
    Bounce.OTHER: "it could not be delivered, which says nothing about the mailbox",
}


@dataclass(frozen=True)
class Names:
    """Whom a sentence names: the domain of the recipient and the server that was talked to."""

    domain: str = SOME_DOMAIN
    server: str = SOME_SERVER

    def begin(self, clause: str) -> str:
        """Begin a sentence with a clause: with a capital, but a name stays as it is written."""
        names = (one for one in (self.domain, self.server) if one not in (SOME_DOMAIN, SOME_SERVER))
        return clause if clause.startswith(tuple(names)) else clause[0].upper() + clause[1:]


def names_of(message: MessageRow, attempt: AttemptRow | None) -> Names:
    """Find the names for a message and one of its tries."""
    _, _, domain = mask_address(message.recipient or "").rpartition("***@")  # as A-labels: none looks like another one
    server = ((attempt.server if attempt else None) or "").rpartition(":")[0]
    knows_domain = "@" in (message.recipient or "") and domain != "***"
    return Names(_short(domain) if knows_domain else SOME_DOMAIN, _short(server) or SOME_SERVER)


def said(attempt: AttemptRow, names: Names) -> str:
    """Say what a try came to as a clause without its end, by whose word it is."""
    row = row_of(attempt.outcome, attempt.phase, attempt.reply_code, attempt.enhanced_status)
    if row is None or row.outcome is Outcome.ACCEPTED:
        return _OF_OUR_OWN.get(attempt.outcome, _NEVER_HEARD_OF).format(server=names.server)
    clause = row.clause
    if "mail server" in clause.replace("our mail server", ""):  # the clause names who it is about itself
        return _named(clause, names)
    speaker = names.domain if clause.startswith("The recipient's mailbox") else names.server
    return f"{speaker} says {_named(clause, names)}"


def reported(fact: FactRow, names: Names) -> str:
    """Say why a message came back as a clause without its end."""
    clause = NO_SUCH_ADDRESS.get(fact.status or "") or STATUSES.get(f"x{(fact.status or '')[1:]}")
    if clause is None:
        return _OF_BOUNCES.get(fact.bounce, _OF_BOUNCES[Bounce.OTHER])
    return _named(clause, Names(names.domain, names.domain))


def _named(clause: str, names: Names) -> str:
    """Put the names into a clause, and begin it as in the middle of a sentence."""
    clause = (clause[0].lower() + clause[1:]).replace("our mail server", "our\0mail server")
    for words, name in (
        ("the recipient's mailbox", "the mailbox"),
        ("the domain of the recipient's address", f"the domain {names.domain}"),
        ("the recipient's mail system", f"the mail system of {names.domain}"),
        ("the recipient's domain", names.domain),
        ("the mail server", names.server),
        ("this mail server", names.server),
    ):
        clause = clause.replace(words, name)
    return clause.replace("\0", " ")


def _short(name: str) -> str:
    name = one_line(name).strip("[] ")
    return name if len(name) <= MAX_NAME_CHARACTERS else "…" + name[1 - MAX_NAME_CHARACTERS :]
