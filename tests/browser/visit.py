"""One window, and what a person does in it; forms and fields are found by their names, never by their words."""

from collections.abc import Callable, Iterator

from playwright.sync_api import Page, expect

from tests.browser.house import LAPTOP, House
from tests.support.service import Service

WRONG = '[aria-invalid="true"]'
SAID = '[role="alert"]'


class Visit:
    """One window, and what a person does in it."""

    def __init__(self, page: Page, house: House) -> None:
        self.page = page
        self.house = house

    def open(self, path: str, service: Service | None = None) -> None:
        """Open a page of ours: a path, or a whole link from a message."""
        service = service or self.house.everyday
        whole = path if path.startswith("http") else f"http://127.0.0.1:{service.port}{path}"
        self.page.goto(whole)

    def fill(self, **fields: str) -> None:
        """Type into the fields of these names."""
        for name, value in fields.items():
            self.page.locator(f'main input[name="{name}"]:visible').first.fill(value)

    def send(self, action: str, seen: str | None = None) -> None:
        """Press the button of the form that goes to `action`.

        Args:
            action: the path the form is sent to.
            seen: what is on the page afterwards, as a selector; None: another heading.
        """
        heading = self.page.locator("h1")
        before = heading.inner_text()
        form = self.page.locator(f'form[action="{action}"]').first
        form.locator('button:not([type="button"])').first.click()
        if seen is None:
            expect(heading).not_to_have_text(before)
        else:
            self.see(seen)

    def see(self, selector: str) -> None:
        """Wait until this is on the page."""
        expect(self.page.locator(selector).first).to_be_visible()

    def be(self, address: str) -> None:
        """Have a session of this person in this browser."""
        value = self.house.sign_in(address, LAPTOP)
        self.page.context.add_cookies([{"name": "gatepost", "value": value, "domain": "127.0.0.1", "path": "/"}])

    def be_somebody(self) -> str:
        """Have a session of somebody new; returns the address."""
        address = self.house.person()
        self.be(address)
        return address

    def lose_the_form_cookie(self) -> None:
        """As a browser does that was closed for the night."""
        self.page.context.clear_cookies(name="gatepost-csrf")


Reach = Callable[[Visit], None]


class States:
    """States by their names, in the order they were added."""

    def __init__(self) -> None:
        self._reach: dict[str, Reach] = {}

    def add(self, name: str) -> Callable[[Reach], Reach]:
        """Make a function, which starts from an empty window, the way to one state."""

        def note(reach: Reach) -> Reach:
            assert name not in self._reach, name
            self._reach[name] = reach
            return reach

        return note

    def __iter__(self) -> Iterator[tuple[str, Reach]]:
        return iter(self._reach.items())
