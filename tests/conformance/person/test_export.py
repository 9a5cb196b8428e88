"""What is stored about one person, written out whole: nothing of it missing, and no secret in it."""

import json
import uuid
from functools import partial
from typing import Any

import pytest

from gatepost.accounts.tables import accounts, tokens
from gatepost.database.columns import metadata
from gatepost.outbox.tables import messages
from gatepost.person import export
from gatepost.person.export import about, messages_after
from gatepost.person.find import NOBODY
from tests.support.changes import NEW_ADDRESS
from tests.support.clock import MovableClock
from tests.support.flows import ADDRESS, Flows
from tests.support.person import BO, Lived, lives, whose
from tests.support.traces import traces

# What names nobody outside this database, and what is no word about anybody.
NOT_SHOWN = {
    "accounts": {"address_key", "password_hash", "registrations"},
    "candidates": {"id", "account_id", "password_hash"},
    "tokens": {"id", "account_id", "address_key", "key_id"},
    "sessions": {"account_id", "digest"},
    "known_clients": {"account_id", "client"},
    "address_changes": {"id", "account_id", "old_key", "new_key", "confirm_token", "undo_token"},
    "messages": {
        *("recipient_key", "recipient_domain", "token_id", "client", "template_values"),
        *(
            "priority",
            "if_unknown",
            "owner",
            "claim_number",
            "attempts",
            "unknowns",
            "started_at",
            "deaths",
            "traceparent",
        ),
    },
    "attempts": {"message", "claim_number", "duration_ms"},
    "link_opens": {"token_id"},
    "feedback": {"id", "event", "message", "recipient_key"},
    "suppressions": {"address_key", "let_through", "let_through_at"},
    "soft_bounces": {"address_key", "cause"},
    "audit": {"id", "subject"},
    "idempotency_keys": {"key_digest", "key_id", "body_mac", "account_id", "answer", "created_at"},  # the answer again
    "limits": {"key", "spent_until"},  # keyed hashes, gone within two days
    "workers": {"owner", "slots", "started_at", "beat_at"},
    "bookmarks": {"name", "row"},
    # Who operates is no person the product writes to.
    "operators": {"id", "name", "role", "password_hash", "created_at", "disabled_at"},
    "operator_sessions": {
        *("id", "digest", "operator_id", "created_at"),
        *("seen_at", "expires_at", "network", "agent"),
    },
    "queue_hold": {"id", "at", "actor", "reason"},
}


async def _exported(flows: Flows, key: str = ADDRESS) -> dict[str, Any]:
    """The whole of it, all pages of messages put together."""
    database, of = flows.gate.database, whose(flows, key)
    head = await database.read(lambda c: about(c, of))
    found: list[Any] = []
    after: uuid.UUID | None = NOBODY
    while after is not None:
        page, after = await database.read(partial(messages_after, whose=of, after=after))
        found += page
    return json.loads(json.dumps({**head, "messages": found}))  # type: ignore[no-any-return]


def test_every_column_is_shown_or_left_out_on_purpose() -> None:
    """A column that is added later is decided about."""
    shown = {
        "accounts": export._ACCOUNT,
        "candidates": export._REGISTRATION,
        "tokens": export._LINK,
        "sessions": export._SESSION,
        "known_clients": export._CLIENT,
        "address_changes": export._CHANGE,
        "messages": export._MESSAGE,
        "link_opens": export._OPEN,
        "attempts": export._ATTEMPT,
        "feedback": export._FACT,
        "suppressions": export._SUPPRESSION,
        "soft_bounces": export._SOFT,
        "audit": export._DEED,
    }
    for table in metadata.sorted_tables:
        told = set(shown.get(table.name, ())) | NOT_SHOWN.get(table.name, set())
        assert {column.name for column in table.columns} == told, table.name


async def test_everything_about_a_person_is_there(flows: Flows, clock: MovableClock) -> None:
    """Account, links, sessions, changes, suppressions, what came back, and every message with its tries."""
    lived = await lives(flows, clock)
    told = await _exported(flows)
    account = told["account"]
    assert (str(lived.mira), ADDRESS, True) == (account["id"], account["email"], account["has_password"])
    assert account["links"]
    assert account["signed_in_from"]
    assert {(ADDRESS, NEW_ADDRESS)} == {(one["old_email"], one["new_email"]) for one in account["address_changes"]}
    assert [str(lived.bo)] == [one["account_id"] for one in told["other_accounts"]]
    assert {"hard_bounce", "operator", "complaint"} >= {one["reason"] for one in told["suppressions"]} >= {"operator"}
    assert ["mira complained"] == [one["detail"] for one in told["feedback"]]
    assert {"enable", "suppress"} == {one["action"] for one in told["actions"]}
    theirs = [
        row for row in await flows.rows(messages) if row["account_id"] == lived.mira or row["recipient"] == ADDRESS
    ]
    hidden = [row for row in await flows.rows(messages) if row["recipient_key"] in whose(flows).hidden]
    assert {str(row["id"]) for row in [*theirs, *hidden]} == {one["id"] for one in told["messages"]}
    assert any(one["attempts"] for one in told["messages"])
    assert ["mira@example.com is away"] == [fact["detail"] for one in told["messages"] for fact in one["feedback"]]
    assert any(one["actions"] for one in told["messages"])


async def test_nobody_else_is_in_it(flows: Flows, clock: MovableClock) -> None:
    """Of who wanted the address an id is told, not the own address."""
    await lives(flows, clock)
    assert BO not in json.dumps(await _exported(flows))


async def test_no_secret_is_in_it(flows: Flows, clock: MovableClock) -> None:
    """No hash of a password, no token, nor anything a link could be made of."""
    lived: Lived = await lives(flows, clock)
    told = json.dumps(await _exported(flows))
    hashes = [row["password_hash"] for row in await flows.rows(accounts) if row["id"] == lived.mira]
    ids = [row["id"].hex() for row in await flows.rows(tokens)]
    assert not [secret for secret in [*hashes, *ids] if secret in told]


async def test_messages_come_in_pages(flows: Flows, clock: MovableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, each once, the oldest first."""
    await lives(flows, clock)
    whole = await _exported(flows)
    monkeypatch.setattr(export, "PAGE", 2)
    assert whole == await _exported(flows)
    ids = [one["id"] for one in whole["messages"]]
    assert sorted(set(ids)) == ids


async def test_of_an_unknown_address_there_is_nothing(flows: Flows) -> None:
    """The same shape, and empty."""
    told = await _exported(flows, "nobody@example.com")
    assert ("nobody@example.com", None) == (told.pop("address"), told.pop("account"))
    assert [[]] * 6 == list(told.values())


async def test_an_export_changes_nothing(flows: Flows, clock: MovableClock) -> None:
    """It only reads."""
    await lives(flows, clock)
    before = await traces(flows.gate.database, ["mira"])
    await _exported(flows)
    assert before == await traces(flows.gate.database, ["mira"])
