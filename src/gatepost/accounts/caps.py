"""How often one mailbox is written to because of what a stranger may ask for: never so often that it is a nuisance.

Counted exactly for each account, and roughly for each mailbox, so that neither "+1", "+2", … nor an account that came
and went brings more. Whoever asks learns nothing: every branch runs the same statements, and the answer is the same.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, RowMapping, bindparam, select

from gatepost.accounts.account import AccountRow
from gatepost.accounts.address_cluster import address_cluster
from gatepost.accounts.client import Client
from gatepost.accounts.client_key import client_keys
from gatepost.accounts.gate import Gate
from gatepost.accounts.gcra import CLOCKS_APART_MS, Allowance, limit_key, spends
from gatepost.outbox.search import on_its_way
from gatepost.outbox.tables import WAS_MEANT_TO_GO_OUT, messages

# What a stranger can cause. A notice of what its owner changed is none of these, and always goes out.
TEMPLATES = ("account_exists", "password_reset", "verification", "welcome")
MIN_APART_S = 60
HOUR_S, DAY_S = 3600, 24 * 3600
MOST_OF_ONE_KIND_AN_HOUR = 3
MOST_A_DAY = 8
MOST_OF_ONE_CLIENT_A_DAY = 5  # of these 8: one stranger does not use up what the owner may need
OF_A_MAILBOX = Allowance(MOST_A_DAY, DAY_S / MOST_A_DAY)
_NOBODY = uuid.UUID(int=0)
_LOOKED_BACK_S = 2 * DAY_S  # so long one of them can be on its way
_MOST_READ = 5 * MOST_A_DAY
# Written where nothing goes out, in place of what a message costs; it never runs out.
_NOTHING = Allowance(1_000_000_000, 0.001)

_RECENT = (
    select(messages.c.template, messages.c.state, messages.c.created_at, messages.c.due_at, messages.c.client)
    .where(
        messages.c.account_id == bindparam("of_account"),
        messages.c.template.in_(TEMPLATES),
        messages.c.created_at > bindparam("since"),
        WAS_MEANT_TO_GO_OUT,
    )
    .order_by(messages.c.created_at.desc())
    .limit(_MOST_READ)
)


@dataclass(frozen=True)
class _Sent:
    """A message that went out or may: when, of which template, and whether the one who asks now had caused it."""

    at: int
    template: str
    mine: bool


class Wish(StrEnum):
    """Whether a message may go out, and the reason in its row when it may not."""

    GRANTED = "granted"
    WAITING = "waiting"
    TOLD_TODAY = "told_today"
    CAP = "cap"

    @property
    def reason(self) -> str | None:
        """What the row born cancelled says; None when the message goes out."""
        return None if self is Wish.GRANTED else str(self)


def ask(
    tx: Connection,
    gate: Gate,
    account: AccountRow | None,
    wanted: Mapping[str, str | None],
    *,
    address_key: str,
    client: Client | None,
    now_ms: int,
) -> dict[str, str | None]:
    """Ask which messages of one request may go out, and count those that may. The caller then writes all of them.

    Args:
        tx: the transaction; it has taken the account.
        gate: the parts.
        account: who is written to; None for an address without one, and for one that is none of the asker's yet.
        wanted: the messages by their templates, the most important first; each with the reason why it does not go out
            anyhow, or None.
        address_key: the address asked for.
        client: who asks; None: a caller inside.
        now_ms: wall time in milliseconds.

    Returns:
        For each template why the message is withheld, or None.
    """
    before = _recent(tx, account, now_ms)
    mine = [] if client is None else client_keys(gate.keys, client)
    counted = [_Sent(row["created_at"], row["template"], row["client"] in mine) for row in before]
    answer: dict[str, str | None] = {}
    for template, reason in wanted.items():
        wish = _wish(template, before, now_ms)
        if wish is Wish.GRANTED and gate.limited and _is_full(template, counted, now_ms):
            wish = Wish.CAP
        answer[template] = reason or wish.reason
        if answer[template] is None:
            counted.append(_Sent(now_ms, template, client is not None))
    granted = [template for template, why in answer.items() if why is None]
    if gate.limited:
        room = _room(tx, gate, address_key, len(granted), now_ms)
        answer |= dict.fromkeys(granted[room:], Wish.CAP.reason)
    return answer


def _recent(tx: Connection, account: AccountRow | None, now_ms: int) -> Sequence[RowMapping]:
    since = {"of_account": _NOBODY if account is None else account.id, "since": now_ms - _LOOKED_BACK_S * 1000}
    return tx.execute(_RECENT, since).mappings().all()


def _wish(template: str, before: Sequence[RowMapping], now_ms: int) -> Wish:
    """Not another one while one is on its way or younger than a minute; an owner is told of a taken address once a day.

    The welcome is asked for once, by the registration that made the account.
    """
    last = next((row for row in before if row["template"] == template), None)
    if last is None:
        return Wish.GRANTED
    if template == "account_exists":
        return Wish.TOLD_TODAY if _within(DAY_S, last["created_at"], now_ms) else Wish.GRANTED
    young = _within(MIN_APART_S, last["created_at"], now_ms)
    return Wish.WAITING if young or on_its_way(last) else Wish.GRANTED


def _is_full(template: str, sent: Sequence[_Sent], now_ms: int) -> bool:
    today = [one for one in sent if _within(DAY_S, one.at, now_ms)]
    of_kind = sum(one.template == template and _within(HOUR_S, one.at, now_ms) for one in today)
    of_client = sum(one.mine for one in today)
    return len(today) >= MOST_A_DAY or of_kind >= MOST_OF_ONE_KIND_AN_HOUR or of_client >= MOST_OF_ONE_CLIENT_A_DAY


def _within(seconds: int, at_ms: int, now_ms: int) -> bool:
    # What lies further ahead than clocks differ was written before a clock was set back.
    return now_ms - seconds * 1000 < at_ms <= now_ms + CLOCKS_APART_MS


def _room(tx: Connection, gate: Gate, address_key: str, wanted: int, now_ms: int) -> int:
    """Count messages for their mailbox and say for how many there is room; for none the same row is written."""
    cluster = address_cluster(address_key)
    if not wanted:
        spends(tx, limit_key(gate.keys, "nothing", cluster), _NOTHING, now_ms)
    key = limit_key(gate.keys, "mailbox", cluster)
    return next((n for n in range(wanted, 0, -1) if spends(tx, key, OF_A_MAILBOX, now_ms, times=n)), 0)
