"""What somebody types never becomes a script or a part of a page: every payload, wherever a page says it again.

Twice: as people meet it, with the policy of our pages, in which a finding is also what the policy had to stop; and with
that policy taken away, so that it is shown that escaping alone is enough.
"""

import json
from collections.abc import Callable, Iterator
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, expect

from tests.browser.house import LAPTOP, House
from tests.browser.xss import ADDRESSES, PAYLOADS
from tests.support.chromium import TIMEOUT_MS

HARMLESS = ("Mira Lind", "mira.lind@example.com", "a,b", "x" * 100)
SOME = PAYLOADS[::4]  # where all went through the same part of a page before, and each costs a visit
CONTROL_BITES = 70  # of the payloads, how many run by themselves at least where nothing is escaped
# What is there is counted by these names; of the others, which only carry words, an error may add some.
_WORDS_ONLY = frozenset({"p", "div", "span", "strong", "li", "ul", "ol", "time", "dt", "dd", "dl", "code"})
_PARTS = """() => {
    const tags = {}, pairs = {};
    for (const element of document.querySelectorAll("*")) {
        tags[element.localName] = (tags[element.localName] ?? 0) + 1;
        for (const name of element.getAttributeNames()) pairs[`${element.localName} ${name}`] = 1;
    }
    return [tags, Object.keys(pairs)];
}"""
_SEND_IN_PLACE = """([action, fields]) => new Promise((arrived, failed) => {
    const form = document.querySelector(`form[action="${action}"]`);
    form.noValidate = true;
    for (const [name, value] of Object.entries(fields)) form.elements[name].value = value;
    document.addEventListener("htmx:finally:request", () => arrived(), { once: true });
    setTimeout(() => failed(new Error("no answer")), 10000);
    form.requestSubmit();
})"""
_SEND = """([action, fields]) => {
    const form = document.querySelector(`form[action="${action}"]`);
    for (const [name, value] of Object.entries(fields)) form.elements[name].value = value;
    form.submit();
}"""


class Watched:
    """A window in which nothing may run, and no part of a page may come from what was typed."""

    def __init__(self, page: Page, base: str, *, with_policy: bool) -> None:
        self.page = page
        self.with_policy = with_policy
        self.base = base
        self.findings: list[str] = []
        self._trying = ""
        # Of a message's own page in its frame Chromium says what it keeps from running.
        self.shows_a_frame = False
        page.on("dialog", self._on_dialog)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._note(f"script: {error}"))
        page.on("request", lambda request: self._on_request(request.url))

    def _note(self, what: str) -> None:
        self.findings.append(f"{self._trying}: {what}")

    def _on_dialog(self, dialog: Dialog) -> None:
        self._note("it ran")
        dialog.dismiss()

    def _on_console(self, message: ConsoleMessage) -> None:
        answered = "the server responded with a status of 4" in message.text
        if message.type in ("error", "warning") and not answered and not self.shows_a_frame:
            self._note(message.text)

    def _on_request(self, url: str) -> None:
        if not url.startswith(self.base):
            self._note(f"asked for {url}")

    def look(self, place: str, show: Callable[[str], None], payloads: tuple[str, ...]) -> None:
        """Show harmless texts in this place, then each payload, and note what the page then has more.

        Args:
            place: for the findings.
            show: takes a text, and shows the page that says it again.
            payloads: what is shown.
        """
        known: list[dict[str, int]] = []
        allowed: set[str] = set()
        for text in HARMLESS:
            self._trying = f"{place} {text!r}"
            show(text)
            tags, pairs = self._parts()
            known.append(tags)
            allowed.update(pairs)
        for payload in payloads:
            self._trying = f"{place} {payload!r}"
            show(payload)
            tags, pairs = self._parts()
            if tags not in known:
                self._note(f"the page has other elements: {tags}")
            if not allowed.issuperset(pairs):
                self._note(f"the page has other attributes: {set(pairs) - allowed}")
        self._trying = f"after {place}"

    def _parts(self) -> tuple[dict[str, int], list[str]]:
        tags, pairs = self.page.evaluate(_PARTS)
        return {tag: count for tag, count in tags.items() if tag not in _WORDS_ONLY}, pairs


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A product whose name is a payload as well."""
    made = House(tmp_path_factory.mktemp("payloads"), PRODUCT_NAME="\" autofocus onfocus=alert(1) x='", WELCOME="off")
    yield made
    made.close()


@pytest.fixture(params=[False, True], ids=["with our policy", "with no policy"])
def watched(browser: Browser, house: House, request: pytest.FixtureRequest) -> Iterator[Watched]:
    """A fresh window."""
    context = browser.new_context(bypass_csp=request.param)
    context.set_default_timeout(TIMEOUT_MS)
    window = Watched(context.new_page(), f"http://127.0.0.1:{house.everyday.port}", with_policy=not request.param)
    yield window
    context.close()
    assert "" == "\n".join(window.findings)


def test_the_payloads_bite_where_nothing_is_escaped(browser: Browser) -> None:
    """Put into a page as they are, most of them run by themselves: the corpus and the watching are no dummies."""
    page = browser.new_page()
    ran: set[str] = set()
    trying = ""

    def on_dialog(dialog: Dialog) -> None:
        ran.add(trying)
        dialog.dismiss()

    page.on("dialog", on_dialog)
    for trying in PAYLOADS:
        for around in ("<p>{}</p>", '<input value="{}">', "<input value='{}'>"):
            if trying not in ran:
                page.set_content(around.replace("{}", trying))
    page.close()
    assert len(PAYLOADS) >= 100
    assert len(ran) >= CONTROL_BITES, len(ran)


def test_what_is_typed_into_forms_stays_text(watched: Watched) -> None:
    """The name and the address of a form that comes back, in place: with errors, or as the page about the mail."""
    page = watched.page

    def send(action: str, **fields: str) -> None:
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            page.evaluate(_SEND_IN_PLACE, [action, fields])

    page.goto(f"{watched.base}/register")
    watched.look("sign up", lambda text: send("/register", name=text, email=text, password="short"), PAYLOADS)
    page.goto(f"{watched.base}/login")
    watched.look("sign in", lambda text: send("/login", email=text, password="short", next=text), PAYLOADS)

    def check_inbox(text: str) -> None:
        page.goto(f"{watched.base}/reset/request")
        send("/reset/request", email=text if "@" in text else "mira.lind@example.com")
        expect(page.locator(".letter")).to_be_visible()

    watched.look("check your inbox", check_inbox, ADDRESSES)


def test_what_is_typed_into_forms_stays_text_without_our_scripts(watched: Watched) -> None:
    """The same where the browser sends the form and shows the answer by itself."""
    page = watched.page

    def sign_up(text: str) -> None:
        with page.expect_navigation():
            page.evaluate(_SEND, ["/register", {"name": text, "email": text, "password": "short"}])

    page.goto(f"{watched.base}/register")
    watched.look("sign up", sign_up, SOME)


def test_what_an_address_carries_stays_text(watched: Watched) -> None:
    """Tokens, places to go on to, languages and searches, as anybody may write them into a link."""

    def follow(path: str, *names: str) -> Callable[[str], None]:
        return lambda text: show(f"{path}?" + "&".join(f"{name}={quote(text)}" for name in names))

    def show(path: str) -> None:
        watched.page.goto(watched.base + path)

    watched.look("a mailed link", follow("/reset", "token", "locale", "next", "view"), SOME)
    watched.look("the way to sign in", follow("/login", "next", "token", "done"), SOME[::2])
    watched.look("a search", follow("/dev/mailbox", "q", "view"), SOME[::2])


def test_the_name_of_an_account_stays_text(watched: Watched, house: House) -> None:
    """On the account's page and in its form."""
    page, address = watched.page, house.person()
    signed_in = house.sign_in(address, LAPTOP)
    page.context.add_cookies([{"name": "gatepost", "value": signed_in, "url": watched.base}])

    def show(path: str, text: str) -> None:
        body = json.dumps({"name": text}).encode()
        status, _, _ = house.everyday.request(
            "PATCH", "/auth/me", body, Cookie=f"gatepost={signed_in}", Origin=watched.base
        )
        assert status in (200, 422)  # longer than a name may be
        page.goto(f"{watched.base}{path}")

    # Where the policy holds back what escaping missed there is less to find, and each costs a visit.
    watched.look("the account", lambda text: show("/account", text), SOME if watched.with_policy else PAYLOADS)
    watched.look("its form", lambda text: show("/account/profile", text), SOME[::2])


def test_a_browsers_own_name_stays_text(watched: Watched, house: House) -> None:
    """Whatever a browser calls itself, on the page that lists where somebody is signed in."""
    address = house.person()
    for payload in PAYLOADS:
        if payload.isascii() and payload.isprintable():  # what http.client lets through
            house.sign_in(address, payload)
    signed_in = house.sign_in(address, LAPTOP)
    watched.page.context.add_cookies([{"name": "gatepost", "value": signed_in, "url": watched.base}])
    watched.page.goto(f"{watched.base}/account")
    assert watched.page.get_by_role("listitem").count() > 50
    assert [] == watched.page.locator("main :is(img, script, iframe, x55)").all()


def test_mail_stays_mail_in_the_mailbox(watched: Watched, house: House) -> None:
    """A list of subjects and recipients, and each look at a message that is nothing but payloads."""
    folder = house.everyday.folder / "mailbox"
    folder.mkdir(exist_ok=True)
    for number, payload in enumerate(PAYLOADS):
        _write(folder, number, payload, payload, payload)
    name = _write(folder, len(PAYLOADS), "everything", "\n".join(PAYLOADS), "\n".join(PAYLOADS))
    page = watched.page
    page.goto(f"{watched.base}/dev/mailbox")
    expect(page.get_by_role("link", name="everything")).to_be_visible()
    assert page.locator("main li a").count() >= len(PAYLOADS)
    for view in ("text", "headers", "source", "html"):
        watched.shows_a_frame = view == "html"
        page.goto(f"{watched.base}/dev/mailbox/messages/{name}?view={view}")
        expect(page.get_by_role("heading", name="everything")).to_be_visible()
        assert [] == page.locator("main :is(img, script, object, embed, x55, marquee)").all()
        assert [] == page.locator('main a[href^="java" i], main a[href^="data" i]').all()


def _write(folder: Path, number: int, subject: str, text: str, html: str) -> str:
    """Put a message into the mailbox, as a product's own might be; returns its name there."""
    message = EmailMessage()
    words = " ".join("".join(c for c in subject if c.isprintable()).split())
    message["Subject"] = words
    message["From"] = Address(words, addr_spec="a@example.com")
    message["To"] = Address(words, addr_spec="b@example.com")
    message["X-Payload"] = words
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    name = f"20991231T235959.000Z-{number:06}-{number:08x}.eml"
    (folder / name).write_bytes(message.as_bytes(policy=SMTP))
    return name
