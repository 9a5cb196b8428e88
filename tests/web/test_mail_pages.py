"""One message of the development mailbox: every look at it, its links, and how it got there."""

import re
from pathlib import Path

import pytest

from gatepost.outbox.lifecycle import State
from tests.web.mailroom import MAIL, browser, browser_of, deliver, message, name_in, tried, with_rows
from tests.web.site import SECURITY_HEADERS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    deliver(tmp_path / "mailbox")
    return tmp_path / "mailbox"


def test_a_message_is_shown_as_html_text_and_source(folder):
    """Three views of one message; the text's links work and its markup is escaped."""
    client = browser(folder)
    name = name_in(client)
    assert f'src="{name}/html?scheme=light"' in client.get(name).text
    text = client.get(name, params={"view": "text"}).text
    assert '<a href="https://gate.example.com/verify?token=abc"' in text
    assert "&lt;now&gt;" in text
    assert "Content-Type: multipart/alternative" in client.get(name, params={"view": "source"}).text


def test_the_mails_own_html_is_locked_in(folder):
    """Its frame runs no script, sends no form, loads nothing; its links replace the whole page."""
    client = browser(folder)
    answer = client.get(name_in(client) + "/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "sandbox allow-top-navigation-by-user-activation" in policy
    assert "allow-scripts" not in policy
    assert '<head><base target="_top">' in answer.text
    assert [name for name in SECURITY_HEADERS if name not in answer.headers] == []


@pytest.mark.parametrize("name", ["x", "..%2f..%2fsecret.key", ".eml"])
def test_only_messages_are_found(folder, name):
    """No name leads to a file that is no message."""
    assert browser(folder).get(f"/dev/mailbox/messages/{name}").status_code == 404


def test_a_message_tells_how_it_got_here(folder):
    """Its page has every try of the outbox's message with the same Message-ID; of another database's there is none."""
    tries = [tried(1, outcome="transient", reply_code=451, enhanced_status="4.7.1", reply_text="Not now")]
    tries.append(tried(1, 2, outcome="accepted", phase="final_reply", reply_code=None, enhanced_status=None))
    client = browser_of(folder, database=with_rows([message(1, State.ACCEPTED, attempts=2)], tries))
    page = client.get(name_in(client)).text
    assert "451 Not now" in page
    assert "The mail server took the message over." in page
    assert "How it got here" not in browser_of(folder).get(name_in(client)).text


def test_a_message_names_its_links_and_its_size(folder):
    """Each address once, with where it stands; what would run something is no link."""
    mail = MAIL.replace(b"</body>", b'<a href="javascript:alert(1)">Run</a></body>')
    deliver(folder, mail)
    client = browser(folder)
    page = client.get(name_in(client)).text
    assert f"{len(mail) / 1024:.1f} KB" in page
    assert '<a href="https://gate.example.com/verify?token=abc">' in page
    assert "<code>javascript:alert(1)</code>" in page
    assert 'href="javascript:' not in page
    assert ["HTML only", "HTML only", "Text only"] == re.findall(r'class="where">([^<]+)<', page)


def test_the_header_fields_are_a_table(folder):
    """In their order, decoded and escaped."""
    client = browser(folder)
    page = client.get(name_in(client), params={"view": "headers"}).text
    fields = re.findall(r'<tr><th scope="row">([^<]+)</th><td>([^<]*)</td>', page)
    assert ["From", "To", "Subject", "Message-ID", "MIME-Version", "Content-Type"] == [name for name, _ in fields]
    assert "Hello &lt;script&gt;alert(1)&lt;/script&gt;" == dict(fields)["Subject"]


def test_a_preview_has_a_width_and_a_scheme(folder):
    """Both are in the address, go on to the other looks, and reach the frame."""
    client = browser(folder)
    name = name_in(client)
    page = client.get(name, params={"width": "320", "scheme": "dark"}).text
    assert f'src="{name}/html?scheme=dark"' in page
    assert 'class="frame w320 dark"' in page
    assert f'href="{name}?view=text&amp;width=320&amp;scheme=dark"' in page
    assert "color-scheme: only dark" in client.get(f"{name}/html?scheme=dark").text
    assert [422, 422, 422] == [
        client.get(name, params=wrong).status_code for wrong in ({"width": "1"}, {"scheme": "x"}, {"view": "x"})
    ]
