"""One box finds an address, a part of one and the id of anything, on every database."""

import uuid

import pytest

from gatepost.explain import find as finding
from gatepost.explain.find import Found, Kind, Wanted, find, find_accounts
from gatepost.suppression.lift import hide
from gatepost.suppression.reason import Reason, Scope
from gatepost.suppression.suppress import suppress
from tests.support.flows import ADDRESS, Flows
from tests.support.outbox import draft, enqueue_all

NOBODY = "nobody@example.org"


async def _find(flows: Flows, text: str, **wanted: object) -> Found:
    asked = Wanted(text, **wanted)  # type: ignore[arg-type]
    gate = flows.gate
    return await gate.database.read(lambda connection: find(connection, asked, keys=gate.keys, hiding=gate.hiding))


async def _suppressed(flows: Flows, address: str) -> uuid.UUID:
    fields = {"address": address, "address_key": address, "source": "smtp", "now_ms": flows.gate.clock.now_ms()}

    done = await flows.gate.database.write(
        lambda tx: suppress(tx, flows.gate.hiding, scope=Scope.ALL, reason=Reason.HARD_BOUNCE, **fields)
    )
    return done.id


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> int:
    """Parts are looked for in the newest three rows."""
    monkeypatch.setattr(finding, "LOOKED_THROUGH", 3)
    return 3


async def test_a_whole_address_finds_everything_about_it(flows: Flows) -> None:
    """Its account, its messages and its suppressions, however it is capitalised."""
    await flows.register()
    row = await _suppressed(flows, ADDRESS)
    for text in (ADDRESS, f"  {ADDRESS.upper()} "):
        found = await _find(flows, text)
        assert Kind.ADDRESS == found.kind
        assert [ADDRESS] == [one.email for one in found.accounts]
        assert {"verification", "welcome"} == {one.template for one in found.messages}
        assert [row] == [one.id for one in found.suppressions]
        assert not found.bounded


async def test_an_address_without_an_account_finds_why_nothing_came(flows: Flows) -> None:
    """Only a keyed hash of it is stored, and whoever knows the address finds the message that never went out."""
    await flows.request_reset(NOBODY)
    found = await _find(flows, NOBODY)
    assert [("cancelled", "no_account", None)] == [(one.state, one.reason, one.recipient) for one in found.messages]
    assert [] == list(found.accounts)


async def test_an_id_finds_what_it_is_of(flows: Flows) -> None:
    """Of a message, an account or a suppression; and the Message-ID of a message, with its brackets or without."""
    await flows.register()
    account_id = (await flows.accounts())[0]["id"]
    suppression_id = await _suppressed(flows, ADDRESS)
    message = (await _find(flows, ADDRESS)).messages[0]
    assert [message.id] == [one.id for one in (await _find(flows, str(message.id))).messages]
    assert [account_id] == [one.id for one in (await _find(flows, account_id.hex)).accounts]
    assert [suppression_id] == [one.id for one in (await _find(flows, str(suppression_id))).suppressions]
    for text in (message.message_id, message.message_id.strip("<>")):
        found = await _find(flows, text)
        assert (Kind.MESSAGE_ID, [message.id]) == (found.kind, [one.id for one in found.messages])


async def test_the_id_of_a_request_finds_the_messages_it_caused(flows: Flows) -> None:
    """Whatever form it has; an id of nothing finds nothing."""
    id = str(uuid.uuid4())
    (message,) = await enqueue_all(flows.gate.database, draft(request_id=id))
    found = await _find(flows, id)
    assert ([message], True) == ([one.id for one in found.messages], found.bounded)
    await flows.register()
    assert {"verification", "welcome"} == {one.template for one in (await _find(flows, "request-1")).messages}
    assert [] == list((await _find(flows, str(uuid.uuid4()))).messages)


async def test_a_part_of_an_address_finds_whom_it_fits(flows: Flows) -> None:
    """At the beginning, in the middle and at the end, in every table, and it says that it looked at some rows only."""
    await flows.register()
    await flows.request_reset(NOBODY)
    row = await _suppressed(flows, ADDRESS)
    for part in ("mira@", "RA@EXAMPLE", "@example.com", "example.c"):
        found = await _find(flows, part)
        assert (Kind.PART, True) == (found.kind, found.bounded)
        assert {ADDRESS} == {one.recipient for one in found.messages}
        assert [ADDRESS] == [one.email for one in found.accounts]
        assert [row] == [one.id for one in found.suppressions]


async def test_a_part_is_no_pattern(flows: Flows) -> None:
    """What databases take for any letters stands for itself, and nobody's hash is a part of an address."""
    await flows.register()
    await flows.request_reset(NOBODY)
    await _suppressed(flows, NOBODY)
    await flows.gate.database.write(lambda tx: hide(tx, flows.gate.hiding, NOBODY))
    for part in ("%", "__", "mira_example", "%%", "/", "x'; --", "hidden:", "suppressed:"):
        found = await _find(flows, part)
        assert ([], [], []) == (list(found.messages), list(found.accounts), list(found.suppressions)), part


async def test_what_no_row_can_have_is_not_asked_for(flows: Flows) -> None:
    """One letter, NUL, half of a character and more than an address can have: nothing, and no error."""
    await flows.register()
    for text in ("m", "a\x00b", "\ud800x", "x" * 321):
        assert Found(Kind.NOTHING) == await _find(flows, text)
        accounts = await flows.gate.database.read(lambda connection, text=text: find_accounts(connection, text))
        assert ([], False) == accounts


async def test_a_part_is_looked_for_in_the_newest_rows_only(flows: Flows, narrow: int) -> None:
    """An older message is found by its whole address, and not by a part of it: the cost has a bound."""
    old = draft(recipient="old@example.com", recipient_key="old@example.com")
    await enqueue_all(flows.gate.database, old, *[draft()] * narrow)
    assert [] == list((await _find(flows, "old@")).messages)
    assert 1 == len((await _find(flows, "old@example.com")).messages)
    assert narrow == len((await _find(flows, "a@exampl")).messages)


async def test_state_and_template_narrow_every_search_and_pages_go_on(flows: Flows) -> None:
    """No text, a part and an address, each in pages without a gap or a repetition."""
    drafts = [draft(template=name) for name in ("welcome", "verification")] * (finding.PAGE_ROWS + 5)
    ids = await enqueue_all(flows.gate.database, *drafts)
    for text in ("", "a@exam", "a@example.com"):
        seen: list[uuid.UUID] = []
        before = None
        while True:
            found = await _find(flows, text, template="welcome", state="queued", before=before)
            assert {"welcome"} == {one.template for one in found.messages}
            seen += [one.id for one in found.messages]
            if found.older is None:
                break
            before = found.older
        assert sorted(ids[::2], reverse=True) == seen
        assert [] == list((await _find(flows, text, state="failed")).messages)


async def test_accounts_are_listed_newest_first_in_pages(flows: Flows) -> None:
    """Without a text all of them, with a part those it fits."""
    for name in ("ada", "bob", "cleo"):
        await flows.register(f"{name}@example.com")
    read = flows.gate.database.read
    first, _ = await read(lambda connection: find_accounts(connection, "", limit=2))
    rest, _ = await read(lambda connection: find_accounts(connection, "", before=first[-1].id))
    names = [one.email.split("@")[0] for one in (*first, *rest)]
    assert ["cleo", "bob", "ada"] == names
    liked, bounded = await read(lambda connection: find_accounts(connection, "B@", before=first[0].id))
    assert (["bob@example.com"], True) == ([one.email for one in liked], bounded)
