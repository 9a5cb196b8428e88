"""What the mailbox page tells of messages that did not arrive, and its switch for the development mail server."""

import re
import uuid
from pathlib import Path

import pytest

from gatepost.errors import NotStarted
from gatepost.outbox.lifecycle import State
from gatepost.transport.folder import Mailbox
from gatepost.transport.switch import Behaviour
from gatepost.web.workshop.became import LABELS, REASONS
from gatepost.web.workshop.choices import CHOICES
from tests.docs.pages import REFERENCE, code_words, rows, section
from tests.web.mailroom import browser, browser_of, deliver, message, name_in, post, tried, with_rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    deliver(tmp_path / "mailbox")
    return tmp_path / "mailbox"


def test_the_switch_says_what_it_is_set_to(folder):
    """The chosen behaviour is pressed, a banner tells of it, and one press accepts again; the search stays."""
    client = browser(folder)
    assert 'class="banner"' not in client.get("/dev/mailbox").text
    answer = post(client, "/dev/mailbox/server", behaviour="break_off", q="hello")
    assert "/dev/mailbox?q=hello" == answer.headers["location"]
    page = client.get("/dev/mailbox").text
    assert 'value="break_off" aria-pressed="true"' in page
    assert 1 == page.count('aria-pressed="true"')
    assert "breaks off before it says so.</strong>" in page
    post(client, "/dev/mailbox/server", behaviour="accept")
    assert 'class="banner"' not in client.get("/dev/mailbox").text


def test_a_behaviour_nobody_offers_is_refused(folder):
    """400, and it behaves as before."""
    client = browser(folder)
    assert 400 == post(client, "/dev/mailbox/server", behaviour="explode").status_code
    assert 'value="accept" aria-pressed="true"' in client.get("/dev/mailbox").text


def test_every_behaviour_is_offered_in_words():
    """None is missing on the switch, and each says what follows."""
    assert list(Behaviour) == [choice.behaviour for choice in CHOICES]
    assert [] == [choice.behaviour for choice in CHOICES if not choice.follows or not choice.name]


def test_a_process_that_submits_nothing_has_no_switch(folder):
    """Where another process sends the mail, none is shown and none can be moved."""
    client = browser_of(folder, mailbox=Mailbox(folder))
    assert "Development mail server" not in client.get("/dev/mailbox").text
    assert 404 == post(client, "/dev/mailbox/server", behaviour="refuse").status_code


def test_what_did_not_arrive_is_told_with_its_reason(folder):
    """Newest first, in words, with what the server said and the copy that did arrive; what arrived is not there."""
    there = [
        message(1, State.UNKNOWN, "no_final_reply"),
        message(2, State.ACCEPTED),
        message(3, State.DEFERRED, "transient", due_at=4_100_000_000_000, attempts=2),
        message(4, State.FAILED, "refused"),
        message(5, State.CANCELLED, "no_account", recipient=None, attempts=0),
    ]
    tries = [
        tried(1, outcome="unknown", phase="final_reply", reply_code=None, enhanced_status=None),
        tried(3, 1),
        tried(3, 2, outcome="transient", reply_code=451, enhanced_status="4.3.0", reply_text="<b>Later</b>"),
        tried(4),
    ]
    page = browser_of(folder, database=with_rows(there, tries)).get("/dev/mailbox").text
    shown = [int(uuid.UUID(found)) for found in re.findall(r'id="message-([\w-]+)"', page)]
    assert [5, 4, 3, 1] == shown
    for told in (
        "to an address without an account",
        "Nobody has an account with this address.",
        "The recipient&#39;s mailbox does not exist; it is not tried again.",
        "550 No",
        "451 &lt;b&gt;Later&lt;/b&gt;",
        '<time datetime="2099-12-03T16:53:20.000Z">2099-12-03 16:53:20</time>',
        "Tries: 2.",
        "A copy did arrive",
    ):
        assert told in page
    assert 1 == page.count("A copy did arrive")


def test_only_the_last_twenty_are_told(folder):
    """However many did not arrive, over all states the newest twenty are shown."""
    there = [message(number, State.FAILED if number % 2 else State.QUEUED, "refused") for number in range(1, 51)]
    page = browser_of(folder, database=with_rows(there, [])).get("/dev/mailbox").text
    shown = [int(uuid.UUID(found)) for found in re.findall(r'id="message-([\w-]+)"', page)]
    assert list(range(50, 30, -1)) == shown


def test_a_database_that_cannot_be_read_hides_no_mail(folder):
    """The mails are on the disk: they are shown, and the rest says what is wrong."""

    class Away:
        async def read(self, query: object) -> object:
            raise NotStarted("away")

    client = browser_of(folder, database=Away())
    page = client.get("/dev/mailbox").text
    assert "Hello &lt;script&gt;" in page
    assert "The database cannot be read at this moment." in page
    assert 200 == client.get(name_in(client)).status_code


def test_every_state_and_reason_has_its_words():
    """What the reference names is told on the page as well, and nothing else."""
    documented = {
        word
        for cells in rows(section((REFERENCE / "states.md").read_text(), "Reasons"))
        for word in code_words(cells[0])
    }
    assert set(State) == set(LABELS)
    assert documented == set(REASONS)
