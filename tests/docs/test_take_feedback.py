"""docs/how-to/take-feedback.md does what it says: its settings, its event, its sender, its reasons."""

import json
from pathlib import Path
from typing import Any
from urllib.request import Request

from pydantic import SecretStr

from gatepost.feedback.fact import Bounce, Fact, Kind
from gatepost.feedback.provider import MAX_POST_BYTES, Posted
from gatepost.feedback.providers.every import every_provider
from gatepost.feedback.providers.reading import MAX_TEXT_CHARACTERS
from gatepost.feedback.providers.resend import Resend
from gatepost.feedback.providers.standard import Standard
from gatepost.feedback.providers.unset import Unset
from gatepost.settings import Settings, headers
from tests.docs.pages import ROOT, code_words, fenced, rows, section
from tests.feedback.posting import ROW_ID, SECRET, standard

PAGE = (ROOT / "docs" / "how-to" / "take-feedback.md").read_text("utf-8")
PROVIDERS = ROOT / "src" / "gatepost" / "feedback" / "providers"
STANDARD = Standard([SecretStr(SECRET)], 300)


def as_posted(request: Request) -> Posted:
    fields = {name.lower(): value for name, value in request.header_items()}
    assert isinstance(request.data, bytes)
    return Posted(headers=fields, body=request.data, peer=None, now_ms=int(fields["webhook-timestamp"]) * 1000)


def test_every_provider_has_its_address_and_its_setting() -> None:
    """Each row names a provider there is and the setting without which it takes nothing."""
    nothing_set = every_provider(Settings.load({}, Path("/nonexistent/gatepost.toml")))
    expected = {f"/feedback/{one.name}": one.setting for one in nothing_set.values() if isinstance(one, Unset)}
    found = {code_words(cells[1])[0]: code_words(cells[2])[0] for cells in rows(section(PAGE, "What you set"))}
    assert expected == found
    assert 6 == len(found)


def test_the_header_fields_are_taken_by_the_setting() -> None:
    """What stands in the table can be written into GATEPOST_MAIL_HEADERS as it stands."""
    table = section(PAGE, "How a message is found").replace(" \\| ", " ; ")
    values = [code_words(cells[1])[0].replace(" ; ", " | ") for cells in rows(table) if "not needed" not in cells[1]]
    assert 3 == len(values)
    for value in values:
        assert any(headers.ID in text for _, text in headers.fields(value)), value


async def test_resends_header_field_is_the_one_that_is_read() -> None:
    """X-Gatepost-Id, as the table has it."""
    event = {"type": "email.delivered", "data": {"headers": [{"name": "X-Gatepost-Id", "value": ROW_ID}]}}
    (fact,) = await Resend([SecretStr(SECRET)], 300).read(standard(event, prefix="svix"))
    assert ROW_ID == str(fact.row_id)
    assert "`X-Gatepost-Id: {id}`" in PAGE


async def test_the_event_of_the_page_sent_by_its_program_is_a_fact() -> None:
    """The Python of the page signs its JSON so that it is proven and read, field by field."""
    names: dict[str, Any] = {}
    exec(fenced(PAGE, "python")[0], names)
    request = names["signed"]("evt_1", json.loads(fenced(PAGE, "json")[0]), SECRET)
    (fact,) = await STANDARD.read(as_posted(request))
    expected = Fact(
        source="standard",
        event_id="evt_1",
        kind=Kind.BOUNCED,
        at=fact.at,
        bounce=Bounce.HARD,
        row_id=fact.row_id,
        message_id="019a9f2e7c1d7b2a9c3d4e5f60718293@acme.example",
        recipient="ada@example.com",
        status="5.1.1",
        text="550 5.1.1 no such mailbox",
    )
    assert (expected, ROW_ID) == (fact, str(fact.row_id))
    assert request.full_url.endswith("/feedback/standard")


async def test_every_type_of_the_page_is_one_that_is_read() -> None:
    """And there is no other."""
    named = [code_words(cells[0])[0] for cells in rows(section(PAGE, "Anything else")) if "`message." in cells[0]]
    kinds = [
        (await STANDARD.read(standard({"type": name, "data": {"recipient": "ada@example.com"}})))[0].kind
        for name in named
    ]
    assert sorted(Kind) == sorted(kinds)


def test_every_field_of_the_page_stands_in_its_event() -> None:
    """The table of fields and the JSON are the same set."""
    event = json.loads(fenced(PAGE, "json")[0])
    fields = {"type", "timestamp"} | {f"data.{name}" for name in event["data"]}
    named = [code_words(cells[0])[0] for cells in rows(section(PAGE, "Anything else"))]
    assert fields == {name for name in named if not name.startswith("message.")}


def test_the_bounds_of_the_page_are_those_of_the_code() -> None:
    """Characters and bytes."""
    assert f"cut after {MAX_TEXT_CHARACTERS} characters" in PAGE
    assert f"longer than {MAX_POST_BYTES // 2**20} MiB" in PAGE


def test_every_reason_of_the_page_is_one_that_is_told() -> None:
    """Word for word, up to what stands in it."""
    source = "".join(path.read_text("utf-8") for path in sorted(PROVIDERS.glob("*.py")))
    for cells in rows(section(PAGE, "When it does not work")):
        for reason in code_words(cells[0]):
            for part in filter(None, (text.strip() for text in reason.split("…"))):
                assert part in source, part
