"""The pages that say what goes on, and how the servers are; and who may watch."""

import hashlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepost import admin
from gatepost.admin import live
from gatepost.audit.trail import Signature
from gatepost.events import Event
from gatepost.operators.role import Role
from gatepost.outbox.queue_hold import hold
from gatepost.testing import Refuse, Step, SubmissionServer
from tests.admin.site import PASSWORD, Browser, Site, site
from tests.support.live_page import figures

VENDOR = Path(admin.__file__).parent / "static" / "vendor"
SAME = {"sec-fetch-site": "same-origin"}
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def mail() -> Iterator[SubmissionServer]:
    """A server that takes everything unless it is told otherwise."""
    with SubmissionServer.in_thread() as running:
        yield running


@pytest.fixture
def house(tmp_path: Path, mail: SubmissionServer) -> Iterator[Site]:
    """A service that submits to it."""
    with site(tmp_path, smtp_url=f"smtp://127.0.0.1:{mail.port}") as running:
        yield running


@pytest.fixture
def browser(house: Site) -> Browser:
    """A support person's."""
    return house.browser_of(Role.SUPPORT)


def _register(house: Site, address: str) -> None:
    body = {"email": address, "password": PASSWORD, "name": "Ada"}
    assert 202 == house.browser.post("/auth/register", json=body).status_code


def _wait_for(house: Site, name: str, count: int = 1) -> None:
    """Wait until so many events of this name happened."""
    reached = threading.Event()

    def look(_: Event | None) -> None:
        if sum(type(one).__name__ == name for one in house.happened) >= count:
            reached.set()

    house.gatepost.events.subscribe(look)
    look(None)
    assert reached.wait(10), name


def test_the_page_shows_what_the_server_took(house: Site, browser: Browser, mail: SubmissionServer) -> None:
    """The figures, the newest messages with their links, and the server as it is now."""
    _register(house, "ada@people.example")
    _wait_for(house, "MessageAccepted", 2)
    page = browser.get("/admin").text
    assert {"accepted": 2, "waiting": 0, "deferred": 0, "sending": 0, "failed": 0, "bounced": 0} == figures(page)
    assert 2 == page.count("<td>ada@people.example</td>")
    assert 2 == len(re.findall(r'href="/admin/messages/[0-9a-f-]{36}"', page))
    assert f"<dt>127.0.0.1:{mail.port}</dt>" in page


def test_every_span_has_its_table_without_scripts(house: Site, browser: Browser) -> None:
    """What the chart draws stands in a table where nothing draws, and an unknown span shows the hour."""
    _register(house, "ada@people.example")
    _wait_for(house, "MessageAccepted", 2)
    for span, shown in (("hour", "Last hour"), ("day", "Last day"), ("year", "Last hour")):
        page = browser.get(f"/admin?span={span}").text
        assert f'aria-current="true">{shown}' in page
        assert "<noscript>" in page
        assert '<td class="number">2</td>' in page


def test_a_held_queue_is_the_first_thing_said(house: Site, browser: Browser) -> None:
    """By whom and why; what was typed as the reason is text."""
    by = Signature(actor="mira", reason=HOSTILE)
    house.call(house.gatepost.write, lambda tx: hold(tx, by, 1_800_000_000_000))
    page = browser.get("/admin").text
    assert "The whole queue is held" in page
    assert HOSTILE not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_a_server_shows_what_it_said_and_what_that_means(house: Site, browser: Browser, mail: SubmissionServer) -> None:
    """The reply as it came, escaped, with the sentence of the reply table and a way to the message."""
    mail.at(Step.RCPT, Refuse(f"452 4.2.2 {HOSTILE}"))
    _register(house, "ada@people.example")
    _wait_for(house, "MessageDeferred")
    page = browser.get("/admin/servers").text
    assert f"<h2>127.0.0.1:{mail.port}" in page
    assert "452 4.2.2 &lt;img src=x onerror=alert(1)&gt;" in page
    assert HOSTILE not in page
    assert "it is tried again." in page
    assert '<span class="label good">usable</span>' in page


def test_a_server_that_failed_says_since_when_and_why(house: Site, browser: Browser, mail: SubmissionServer) -> None:
    """On both pages, and no longer once it is back."""
    mail.go_away()
    _register(house, "ada@people.example")
    _wait_for(house, "ServerFailed")
    page = browser.get("/admin/servers").text
    assert '<span class="label wrong">cannot be used</span>' in page
    assert "No connection could be made, or it broke. Since " in page
    assert "No mail server can be used." in browser.get("/admin").text
    mail.come_back()
    _wait_for(house, "ServerRecovered")
    page = browser.get("/admin/servers").text
    assert '<span class="label good">usable</span>' in page
    assert "Since " not in page


def test_no_page_shows_how_we_log_in(tmp_path: Path) -> None:
    """Neither the user name nor the password of a server."""
    with site(tmp_path, smtp_url="smtp://postbox:opensesame@127.0.0.1:1,smtps://b:c@[::1]:2") as house:
        page = house.browser_of(Role.OWNER).get("/admin/servers").text
        assert "postbox" not in page
        assert "opensesame" not in page
        assert "user name and password" in page
        assert "<h2>[::1]:2" in page


def test_s105_only_a_page_of_ours_may_watch(house: Site, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a session it is 401; a page of another site is refused although it would change nothing."""
    monkeypatch.setattr(live, "MAX_VIEWERS", 0)  # a stream that is given all the same would not end
    assert 401 == house.browser.get("/admin/live", headers=SAME).status_code
    for site_of in ("cross-site", "same-site"):
        assert 403 == browser.get("/admin/live", headers={"sec-fetch-site": site_of}).status_code
    assert 403 == browser.get("/admin/live", headers={**SAME, "origin": "https://elsewhere.example"}).status_code


def test_one_viewer_too_many_is_told_to_come_later(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with the seconds to wait; the page itself is there all the same."""
    monkeypatch.setattr(live, "MAX_VIEWERS", 0)
    answer = browser.get("/admin/live", headers=SAME)
    assert (503, "30") == (answer.status_code, answer.headers["retry-after"])
    assert 200 == browser.get("/admin").status_code


@pytest.mark.parametrize("folder", sorted(VENDOR.iterdir()), ids=lambda folder: folder.name)
def test_vendored_files_are_what_their_readme_says(folder: Path) -> None:
    """Every checksum in the README is that of its file, and no source map is asked for."""
    rows = re.findall(r"^\| (\S+) \| ([0-9a-f]{64}) \|$", (folder / "README.md").read_text(), re.MULTILINE)
    assert {name for name, _ in rows} == {path.name for path in folder.iterdir()} - {"README.md"}
    for name, checksum in rows:
        content = (folder / name).read_bytes()
        assert (name, checksum) == (name, hashlib.sha256(content).hexdigest())
        assert b"sourceMappingURL=" not in content
