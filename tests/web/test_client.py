"""Which client a request comes from, and that nothing a client says about itself makes it another one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gatepost.app import Gatepost, create_app
from gatepost.events import SettingWarned
from gatepost.settings import Settings
from gatepost.transport.memory import MemoryTransport
from gatepost.web.client import client_for
from tests.web.site import Site
from tests.web.test_pages import send

PROXIES = "10.0.0.0/8,2001:db8:aaaa::/48"
PASSWORD = "a sentence nobody else would write"
SPOOFS = (
    {"x-forwarded-for": "198.51.100.{n}"},
    {"x-forwarded-for": "198.51.100.{n}, 10.0.0.1"},
    {"x-real-ip": "198.51.100.{n}"},
    {"forwarded": "for=198.51.100.{n};proto=https"},
    {"true-client-ip": "198.51.100.{n}", "cf-connecting-ip": "198.51.100.{n}"},
    {"x-forwarded-host": "198.51.100.{n}", "via": "1.1 198.51.100.{n}"},
)


def _client(peer: str, *forwarded: str, trusted: str = PROXIES) -> str:
    site = Site({"trusted_proxies": trusted} if trusted else {})
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return client_for({"type": "http", "client": (peer, 1234), "headers": headers}, site.context).prefix


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.7", [], "203.0.113.7/32"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7/32"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1/32"),
        ("10.0.0.1", ["192.0.2.66, 198.51.100.1"], "198.51.100.1/32"),
        ("10.0.0.1", ["192.0.2.66", "198.51.100.1"], "198.51.100.1/32"),
        ("10.0.0.1", ["192.0.2.66, 198.51.100.1, 10.9.9.9"], "198.51.100.1/32"),
        ("10.0.0.1", ["192.0.2.66, garbage, 10.9.9.9"], "10.9.9.9/32"),
        ("10.0.0.1", ["garbage"], "10.0.0.1/32"),
        ("10.0.0.1", [], "10.0.0.1/32"),
        ("10.0.0.1", ["10.0.0.2, 10.0.0.3"], "10.0.0.2/32"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1/32"),
        ("2001:db8:aaaa::1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", ["198.51.100.1"], "2001:db8:1:2::/64"),
    ],
)
def test_s75_the_right_most_hop_that_is_no_trusted_proxy_is_the_client(
    peer: str, forwarded: list[str], expected: str
) -> None:
    """What stands further left a stranger may have written; what is no address ends the search."""
    assert expected == _client(peer, *forwarded)


def test_s75_without_trusted_proxies_the_peer_is_the_client() -> None:
    """The default believes nobody, not even this machine."""
    assert "127.0.0.1/32" == _client("127.0.0.1", "198.51.100.1", trusted="")


def test_a_header_without_end_is_not_searched_without_end() -> None:
    """After 32 hops the last one known is the client."""
    assert "10.0.0.1/32" == _client("10.0.0.1", ", ".join(["198.51.100.1"] + ["10.0.0.1"] * 500))


@pytest.mark.parametrize(
    ("peer", "headers", "trusted", "warnings"),
    [
        ("10.0.0.1", [(b"x-forwarded-for", b"198.51.100.1")], "", 1),
        ("10.0.0.1", [(b"x-forwarded-for", b"198.51.100.1")], PROXIES, 0),
        ("10.0.0.1", [], "", 0),
        ("8.8.8.8", [(b"x-forwarded-for", b"198.51.100.1")], "", 0),
    ],
)
def test_a_proxy_that_nobody_trusts_is_warned_of_once(
    peer: str, headers: list[tuple[bytes, bytes]], trusted: str, warnings: int
) -> None:
    """Behind it everybody would be one client; what a stranger writes into the header is no reason."""
    site = Site({"trusted_proxies": trusted} if trusted else {})
    for _ in range(3):
        client_for({"type": "http", "client": (peer, 1234), "headers": headers}, site.context)
    told = [event.detail for event in site.happened if isinstance(event, SettingWarned)]
    assert [True] * warnings == ["GATEPOST_TRUSTED_PROXIES" in detail for detail in told]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Any]:
    """Makes clients of one running service, each with its peer address."""
    settings = Settings(
        database_url=f"sqlite:///{tmp_path}/gatepost.db",
        argon2_memory_kib=8,
        argon2_time_cost=1,
        trusted_proxies=PROXIES,
    )
    app = create_app(Gatepost(settings, transport=MemoryTransport()))
    with TestClient(app, base_url=settings.public_url):
        yield lambda peer: TestClient(app, base_url=settings.public_url, client=(peer, 1))


def _sign_up(client: TestClient, number: int, **headers: str) -> Any:
    body = {"email": f"a{number}@example.com", "password": PASSWORD}
    return client.post("/auth/register", json=body, headers=headers)


def test_s75_what_a_client_says_about_itself_does_not_move_its_limit(service: Any) -> None:
    """Twenty sign-ups with another story each; the twenty-first is refused, and so is one through the proxy."""
    client = service("203.0.113.7")
    for number in range(20):
        headers = {name: value.format(n=number) for name, value in SPOOFS[number % len(SPOOFS)].items()}
        assert 202 == _sign_up(client, number, **headers).status_code
    assert [429] * len(SPOOFS) == [
        _sign_up(client, 100 + at, **{name: value.format(n=200) for name, value in spoof.items()}).status_code
        for at, spoof in enumerate(SPOOFS)
    ]
    proxy = service("10.0.0.1")
    assert 429 == _sign_up(proxy, 200, **{"x-forwarded-for": "198.51.100.9, 203.0.113.7"}).status_code
    assert 202 == _sign_up(proxy, 201, **{"x-forwarded-for": "203.0.113.7, 198.51.100.9"}).status_code


def test_s76_a_limited_request_is_a_problem_that_says_when_to_come_again(service: Any) -> None:
    """JSON for programs, a page with the form for people: both 429 with Retry-After."""
    client = service("203.0.113.8")
    for number in range(20):
        _sign_up(client, number)
    refused = _sign_up(client, 21)
    assert (429, "application/problem+json") == (refused.status_code, refused.headers["content-type"])
    assert "too_many_requests" == refused.json()["code"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    page = send(client, "/register", email="b@example.com", password=PASSWORD)
    assert (429, True) == (page.status_code, page.headers["content-type"].startswith("text/html"))
    assert 1 <= int(page.headers["retry-after"]) <= 60
    assert "b@example.com" in page.text
