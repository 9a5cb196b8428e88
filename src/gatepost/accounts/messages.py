"""The messages the flows promise: one function for each, and how a link is made when one goes out."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from sqlalchemy import Connection

from gatepost.accounts.account import DEFAULT_LOCALE, AccountRow
from gatepost.accounts.client import Client
from gatepost.accounts.client_key import client_key
from gatepost.accounts.keys import Keys
from gatepost.accounts.tokens import Purpose, renew
from gatepost.mail.draft import Draft, IfUnknown, Priority
from gatepost.outbox.claim import Claimed, Skip

VERIFICATION_EXPIRES_S = 48 * 3600
RESET_EXPIRES_S = 4 * 3600
NOTICE_EXPIRES_S = 48 * 3600
ADDRESS_CHANGE_EXPIRES_S = 48 * 3600
ADDRESS_UNDO_EXPIRES_S = 7 * 24 * 3600
ADDRESS_CHANGE_NOTICE = "address_change_notice"
# What stands for a secret where a mail is shown to somebody it is not for.
MASK = "•••"

_PURPOSES = {
    "verification": Purpose.VERIFICATION,
    "password_reset": Purpose.PASSWORD_RESET,
    "address_change": Purpose.ADDRESS_CHANGE,
    ADDRESS_CHANGE_NOTICE: Purpose.ADDRESS_UNDO,
}


@dataclass(frozen=True)
class To:
    """Whom a message goes to, and what caused it. `recipient` is None for an address nobody has an account for.

    `where` is the network it was caused from, roughly; empty where nobody knows. `client` is the keyed hash of who
    caused it, where a stranger can.
    """

    recipient: str | None
    recipient_key: str
    account_id: uuid.UUID | None
    name: str | None
    locale: str
    request_id: str | None
    where: str = ""
    client: bytes | None = None


def addressee(
    keys: Keys,
    account: AccountRow | None,
    address_key: str,
    request_id: str | None,
    *,
    with_name: bool = True,
    client: Client | None = None,
) -> To:
    """Whom a message about this address goes to; without an account only the keyed hash of the address is written."""
    where, caused_by = ("", None) if client is None else (client.network, client_key(keys, client))
    if account is None:
        hidden = keys.hidden_address(address_key)
        return To(None, hidden, None, None, DEFAULT_LOCALE, request_id, where, caused_by)
    name = account.name if with_name else None
    return To(account.email, account.address_key, account.id, name, account.locale, request_id, where, caused_by)


def verification(to: To, token_id: bytes) -> Draft:
    """Prove that the address is yours."""
    return _with_link("verification", to, token_id, VERIFICATION_EXPIRES_S)


def password_reset(to: To, token_id: bytes) -> Draft:
    """Choose a new password."""
    return _with_link("password_reset", to, token_id, RESET_EXPIRES_S)


def welcome(to: To) -> Draft:
    """Welcome. A second copy would be worse than none."""
    return _draft("welcome", to, NOTICE_EXPIRES_S, if_unknown=IfUnknown.NEVER_TWICE, security=False)


def account_exists(to: To) -> Draft:
    """Somebody tried to register with your address; you have an account already."""
    return _draft("account_exists", to, NOTICE_EXPIRES_S)


def password_changed(to: To) -> Draft:
    """Your password was changed."""
    return _draft("password_changed", to, NOTICE_EXPIRES_S)


def address_change(to: To, token_id: bytes) -> Draft:
    """Prove that the new address is yours; `to` is the new address."""
    return _with_link("address_change", to, token_id, ADDRESS_CHANGE_EXPIRES_S)


def address_change_notice(to: To, token_id: bytes, *, new_address: str) -> Draft:
    """Somebody wants another address for your account; here is how to stop it. `new_address` is masked."""
    return _with_link(ADDRESS_CHANGE_NOTICE, to, token_id, ADDRESS_UNDO_EXPIRES_S, values={"new_address": new_address})


def account_deleted(to: To, *, until: str) -> Draft:
    """Your account was deleted; `until` then a reset brings it back."""
    return _draft("account_deleted", to, NOTICE_EXPIRES_S, values={"until": until})


def _with_link(
    template: str, to: To, token_id: bytes, expires_in_s: int, *, values: Mapping[str, str] = MappingProxyType({})
) -> Draft:
    return _draft(template, to, expires_in_s, token_id=token_id, priority=Priority.URGENT, values=values)


def _draft(
    template: str,
    to: To,
    expires_in_s: int,
    *,
    token_id: bytes | None = None,
    priority: Priority = Priority.NORMAL,
    if_unknown: IfUnknown = IfUnknown.AGAIN,
    security: bool = True,
    values: Mapping[str, str] = MappingProxyType({}),
) -> Draft:
    return Draft(
        template=template,
        locale=to.locale,
        recipient=to.recipient,
        recipient_key=to.recipient_key,
        values={"name": to.name or "", **({"where": to.where} if to.where else {}), **values},
        account_id=to.account_id,
        token_id=token_id,
        request_id=to.request_id,
        client=to.client,
        priority=priority,
        expires_in_s=expires_in_s,
        if_unknown=if_unknown,
        security=security,
    )


class Links:
    """Makes the link of a message that is about to go out, and starts its token's life.

    Args:
        keys: the secret keys.
        verify_url: page that verifies an address.
        reset_url: page that takes a new password.
        confirm_url: page that confirms a new address.
        undo_url: page that undoes a change of address.
    """

    def __init__(self, keys: Keys, *, verify_url: str, reset_url: str, confirm_url: str, undo_url: str) -> None:
        self._keys = keys
        pages = {
            Purpose.VERIFICATION: verify_url,
            Purpose.PASSWORD_RESET: reset_url,
            Purpose.ADDRESS_CHANGE: confirm_url,
            Purpose.ADDRESS_UNDO: undo_url,
        }
        self._pages = {
            purpose: f"{page}{'&' if urlsplit(page).query else '?'}token=" for purpose, page in pages.items()
        }

    def prepare(self, tx: Connection, claimed: Sequence[Claimed], now_ms: int) -> list[Mapping[str, str] | Skip]:
        """Return for each message the values only this moment knows, or why it should not go out any more."""
        links: dict[bytes, str] = {}
        for purpose, page in self._pages.items():
            token_ids = [one.token_id for one in claimed if one.token_id and _PURPOSES.get(one.template) is purpose]
            if token_ids:
                renewed = renew(tx, self._keys, purpose, token_ids, now_ms)
                links |= {token_id: f"{page}{token}" for token_id, token in renewed.items()}
        return [self._prepared(one, links) for one in claimed]

    def masked(self, template: str) -> str | None:
        """Return the link of a message as who may not use it sees it: MASK in the token's place; None: it has none."""
        purpose = _PURPOSES.get(template)
        return None if purpose is None else f"{self._pages[purpose]}{MASK}"

    def _prepared(self, claimed: Claimed, links: Mapping[bytes, str]) -> Mapping[str, str] | Skip:
        if claimed.template not in _PURPOSES or claimed.token_id is None:
            return {}
        link = links.get(claimed.token_id)
        return Skip("superseded") if link is None else {"link": link}
