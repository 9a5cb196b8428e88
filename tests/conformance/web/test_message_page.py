"""The page of a message, and what is done from it, are the same on every database."""

from pathlib import Path

from gatepost.operators.role import Role
from tests.admin.letters import accepted, newest, register
from tests.admin.site import site


def test_a_message_is_read_revealed_and_sent_again(database_url: str, tmp_path: Path) -> None:
    """From the sentence to the mail and to the new message; of an address without an account as well."""
    with site(tmp_path, database_url=database_url, secret_keys="0123456789abcdefghijklmnopqrstuv") as house:
        id = accepted(house, register(house, "ada@example.com"))
        assert 202 == house.browser.post("/auth/password/reset/request", json={"email": "no@example.com"}).status_code
        browser = house.browser_of(Role.OPERATOR)
        page = f"/admin/messages/{id}"
        assert "It was accepted by the mail server for example.com" in browser.get(page).text
        assert 303 == browser.send(f"{page}/reveal", {"reason": "on the phone"}, page=page).status_code
        assert "token=•••" in browser.get(f"{page}/mail").text
        again = browser.send(f"{page}/resend", {"reason": "on the phone"}, page=page)
        assert "as a copy of another message." in browser.get(again.headers["location"]).text
        nobody = browser.get(f"/admin/messages/{newest(house, 'password_reset')}").text
        assert "Nothing was sent: nobody has an account with this address." in nobody
