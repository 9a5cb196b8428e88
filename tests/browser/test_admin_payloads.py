"""What people, mail servers, providers and operators say never becomes a script or a part of the operators' pages."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page

from gatepost.operators.role import Role
from gatepost.testing import Refuse, Step
from tests.browser.admin_house import AdminHouse
from tests.browser.house import PASSWORD
from tests.browser.xss import PAYLOADS
from tests.support.chromium import TIMEOUT_MS

DOMAIN = "hostile.example"
NAME_CHARACTERS = 80
SAID = tuple(one for one in PAYLOADS if one.isascii() and one.isprintable())  # what a reply and a header field can hold
HARMLESS = ("Mira Lind", "a,b", "x y", "gone")
AGENTS = SAID[::5]
IN_ADDRESSES = SAID[::10]
OPENED_EACH = 9  # of the messages: escaping is looked at on all of them
# The elements of a page, and the attributes each of them has.
_PARTS = """html => {
    const found = {};
    for (const element of new DOMParser().parseFromString(html, "text/html").querySelectorAll("*")) {
        found[element.localName] = 1;
        for (const name of element.getAttributeNames()) found[`${element.localName} ${name}`] = 1;
    }
    return Object.keys(found);
}"""


class Hostile:
    """People whose names are payloads, and whose mail is refused, reported and sent again in words that are payloads.

    Attributes:
        harmless: addresses with words that are none.
        hostile: addresses with payloads.
        agents: whose browsers call themselves payloads.
    """

    def __init__(self, house: AdminHouse) -> None:
        self.house = house
        self._texts = {f"harmless{number}@{DOMAIN}": text for number, text in enumerate(HARMLESS)}
        self.harmless = list(self._texts)
        self._texts |= {f"hostile{number}@{DOMAIN}": text for number, text in enumerate(SAID)}
        self.hostile = list(self._texts)[len(HARMLESS) :]
        for address, text in self._texts.items():
            self._sign_up(address, text)
        for address, text in self._texts.items():
            self._end(address, text)
        self.agents = "agents@example.com"
        house.register(self.agents)
        house.wait_for(self.agents, "accepted")
        house.verify(self.agents)
        for agent in AGENTS:
            house.sign_in(self.agents, agent)

    def _sign_up(self, address: str, text: str) -> None:
        if _is_refused(address):
            self.house.mail.at(Step.RCPT, Refuse(f"550 5.1.1 {text}"), recipient=address)
        body = {"email": address, "password": PASSWORD}
        status, _, said = self.house.service.post("/auth/register", **body, name=text[:NAME_CHARACTERS])
        assert 202 == status, said

    def _end(self, address: str, text: str) -> None:
        if _is_refused(address):
            self.house.wait_for(address, "failed")
            return
        message = self.house.wait_for(address, "accepted")
        self.house.tell("bounced", message, status="5.1.1", detail=text)
        self.house.act("resend", message, text)

    def pages(self) -> Iterator[str]:
        """Where lists say what was said, and some of what each says."""
        accounts = (self.house.account(one) for one in (self.agents, *self.hostile[:2]))
        yield from ("/admin", "/admin/servers", "/admin/suppressions", "/admin/audit", "/admin/sign-ups")
        yield from (f"/admin/messages?q={DOMAIN}", *(f"/admin/accounts/{one}" for one in accounts))
        yield from (f"/admin/messages/{self.house.messages(one)[-1][0]}" for one in self.hostile[::OPENED_EACH])
        for text in IN_ADDRESSES:
            yield f"/admin/messages?q={quote(text)}"
            yield f"/admin/accounts?q={quote(text)}&done={quote(text)}"

    def text_of(self, address: str) -> str:
        """The page of the first message to an address."""
        status, text = self.house.get(f"/admin/messages/{self.house.messages(address)[-1][0]}")
        assert 200 == status
        return text


def _is_refused(address: str) -> bool:
    """Every other one."""
    return address.partition("@")[0][-1] in "02468"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    """A product whose name, and so every subject, is a payload as well."""
    house = AdminHouse(tmp_path_factory.mktemp("hostile"), PRODUCT_NAME="\" autofocus onfocus=alert(1) x='")
    yield Hostile(house)
    house.close()


def test_no_payload_becomes_part_of_a_messages_page(browser: Browser, hostile: Hostile) -> None:
    """Whatever a name, a reply, a report or a reason says: the page has the elements and attributes it always has."""
    page = browser.new_page()
    allowed = {part for one in hostile.harmless for part in page.evaluate(_PARTS, hostile.text_of(one))}
    findings = {}
    for address in hostile.hostile:
        text = hostile.text_of(address)
        if more := set(page.evaluate(_PARTS, text)) - allowed:
            findings[address] = more
    page.close()
    assert {} == findings
    assert len(hostile.hostile) > 100


@pytest.mark.parametrize("without_policy", [False, True], ids=["with our policy", "with no policy"])
def test_no_payload_runs(browser: Browser, hostile: Hostile, without_policy: bool) -> None:
    """In a browser nothing runs, nothing is asked for elsewhere, and the policy has nothing to stop."""
    context = browser.new_context(bypass_csp=without_policy)
    context.set_default_timeout(TIMEOUT_MS)
    context.add_cookies([hostile.house.cookie(Role.OWNER)])
    page = context.new_page()
    findings = _listen(page, hostile.house.url)
    opened = 0
    # Where the policy holds back what escaping missed there is less to find, and each page costs a tenth of a second.
    for path in list(hostile.pages())[:: 1 if without_policy else 3]:
        page.goto(hostile.house.url + path)
        opened += 1
    context.close()
    assert [] == findings
    assert opened > 15


def _listen(page: Page, base: str) -> list[str]:
    findings: list[str] = []

    def note(what: str) -> None:
        findings.append(f"{page.url}: {what}")

    def on_dialog(dialog: Dialog) -> None:
        note("it ran")
        dialog.dismiss()

    def on_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            note(message.text)

    page.on("dialog", on_dialog)
    page.on("console", on_console)
    page.on("pageerror", lambda error: note(f"script: {error}"))
    page.on("request", lambda request: None if request.url.startswith(base) else note(f"asked for {request.url}"))
    return findings
