"""Three ledgers that must agree: what was promised, what the database says, what the mail server received.

The database is read as it is, without a line of the product's code: a wrong query there must not hide here.
"""

import email
import email.policy
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from gatepost.testing import AcceptedMessage
from tests.support.tables import Tables

# How often a message of the policy `again` may have been taken before it stays `unknown`.
MAX_PERHAPS_TAKEN = 3
# A server said that it has it.
TAKEN = {"accepted", "delivered", "bounced"}
_LINK = re.compile(r"https?://[^\s\"<>]+[?&]token=[\w-]+")
_SHOWN = 5


@dataclass(frozen=True)
class Message:
    """One row of the outbox with its tries as (outcome, counted)."""

    state: str
    reason: str | None
    template: str
    recipient: str
    message_id: str
    account: bytes | None
    policy: str
    claims: int
    tries: tuple[tuple[str, bool], ...] = ()

    @property
    def perhaps_taken(self) -> int:
        """In how many tries the content had begun when they broke off."""
        return sum(outcome in ("worker_died", "unknown") and counted for outcome, counted in self.tries)

    def __str__(self) -> str:
        return f"{self.template} to {self.recipient} ({self.state}, {self.reason}, tries {self.tries})"


@dataclass(frozen=True)
class Account:
    """One account and how many rows belong to it."""

    address: str
    registrations: int
    verified: bool
    candidates: int
    tokens: int


@dataclass
class Books:
    """What the database says."""

    accounts: dict[bytes, Account] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)


_ACCOUNTS = """SELECT id, address_key, registrations, verified_at IS NOT NULL,
    (SELECT count(*) FROM candidates WHERE account_id = accounts.id),
    (SELECT count(*) FROM tokens WHERE account_id = accounts.id) FROM accounts"""
_TRIES = "SELECT message, outcome, number FROM attempts ORDER BY claim_number"
_MESSAGES = """SELECT id, state, reason, template, recipient_key, message_id, account_id, if_unknown, claim_number
    FROM messages"""
_UNSETTLED = """SELECT count(*) FROM messages WHERE state IN ('queued', 'deferred', 'sending', 'committing')
    OR (state = 'unknown' AND due_at IS NOT NULL)"""
_COPIES_FORWARD = "UPDATE messages SET due_at = 0 WHERE state = 'unknown' AND due_at > 0"


def read_books(tables: Tables) -> Books:
    """Read the whole database as of one moment."""
    accounts, all_tries, messages = tables.read(_ACCOUNTS, _TRIES, _MESSAGES)
    books = Books(damage=tables.damage())
    for row_id, *values in accounts:
        books.accounts[row_id] = Account(*values)
    tries: dict[bytes, list[tuple[str, bool]]] = defaultdict(list)
    for row_id, outcome, number in all_tries:
        tries[row_id].append((outcome, number is not None))
    for row_id, *values in messages:
        books.messages.append(Message(*values, tries=tuple(tries[row_id])))
    return books


def unsettled(tables: Tables) -> int:
    """How many messages are still to be tried or under way."""
    ((count,),) = tables.read(_UNSETTLED)[0]
    return int(count)


def bring_copies_forward(tables: Tables) -> int:
    """Make the copies of `unknown` messages due now; returns how many. No process may own a SQLite file meanwhile.

    They are due 30 s and 10 min later, and a test does not sleep. The product's clock stays the machine's.
    """
    return tables.change(_COPIES_FORWARD)


def differences(
    promised: Collection[str],
    books: Books,
    received: Sequence[AcceptedMessage],
    *,
    templates: Sequence[str] = ("verification", "welcome"),
    ends: Collection[str] = (),
) -> list[str]:
    """Compare the ledgers after everything came to rest; every sentence is something that must not be.

    Args:
        promised: the addresses that were acknowledged.
        books: what the database says.
        received: what the mail server received.
        templates: the messages every account must have, once each.
        ends: further states that are a right end here, as `failed` is where a server refuses for good.
    """
    found = [
        *(f"the database is damaged: {line}" for line in books.damage),
        *_broken_promises(promised, books),
        *_incomplete_accounts(books, templates),
        *_unfinished_messages(books, ends),
        *_wrong_mail(books, received),
        *_copies_that_differ(received),
    ]
    return found if len(found) <= _SHOWN else [*found[:_SHOWN], f"… and {len(found) - _SHOWN} more"]


def _broken_promises(promised: Collection[str], books: Books) -> Iterator[str]:
    known = Counter(account.address for account in books.accounts.values())
    for address in promised:
        if known[address] != 1:
            yield f"{address} was promised and has {known[address]} accounts"


def _incomplete_accounts(books: Books, templates: Sequence[str]) -> Iterator[str]:
    of_account: dict[bytes | None, list[Message]] = defaultdict(list)
    for message in books.messages:
        of_account[message.account].append(message)
    for row_id, account in books.accounts.items():
        mine = of_account.pop(row_id, [])
        wanted = sorted(message.template for message in mine if message.state != "cancelled")
        if wanted != sorted(templates):
            yield f"{account.address} has the messages {wanted}"
        rows = [sum(message.template == name for message in mine) for name in templates]
        candidates = account.registrations if account.verified else account.candidates  # verifying uses them up
        counts = {account.registrations, candidates, account.tokens, *rows}
        if len(counts) != 1:
            yield f"a registration of {account.address} was written in part: {account}, messages {rows}"
    for left in of_account.values():
        yield f"{left[0]} belongs to no account"


def _unfinished_messages(books: Books, ends: Collection[str]) -> Iterator[str]:
    for message in books.messages:
        taken = message.perhaps_taken
        match message.state, message.policy:
            case "accepted", _:
                fine = True
            case "unknown", "never_twice":
                fine = taken == 1
            case "unknown", "again":
                fine = taken == MAX_PERHAPS_TAKEN
            case "cancelled", _:
                fine = message.claims == 0 or "cancelled" in ends
            case state, _:
                fine = state in ends
        if not fine:
            yield f"{message} did not come to a right end"
        # What is suppressed was claimed, and then not tried.
        if message.claims - (message.state == "suppressed") != len(message.tries):
            yield f"{message} was claimed {message.claims} times and remembers {len(message.tries)} tries"


def _wrong_mail(books: Books, received: Sequence[AcceptedMessage]) -> Iterator[str]:
    copies = Counter((one.message_id, one.recipient) for one in received)
    for message in books.messages:
        count = copies.pop((message.message_id, message.recipient), 0)
        accepted = int(message.state in TAKEN)
        most = accepted + message.perhaps_taken
        if message.policy == "never_twice":
            most = min(most, 1)
        if not accepted <= count <= most:
            yield f"{message} was received {count} times, not {accepted} to {most}"
    for message_id, recipient in copies:
        yield f"{message_id} to {recipient} was received and is in no row"


def _copies_that_differ(received: Sequence[AcceptedMessage]) -> Iterator[str]:
    copies: dict[str, list[AcceptedMessage]] = defaultdict(list)
    for one in received:
        copies[one.message_id].append(one)
    for message_id, several in copies.items():
        if len(several) > 1 and len({(link(one), one.subject, one.recipient) for one in several}) != 1:
            yield f"the {len(several)} copies of {message_id} differ in link, subject or recipient"


def link(message: AcceptedMessage) -> str | None:
    """The link a message carries in its text, if any."""
    text = email.message_from_bytes(message.content, policy=email.policy.default).get_body(("plain",))
    found = _LINK.search(text.get_content()) if text is not None else None
    return found[0] if found else None
