"""Where mailed links lead: to PUBLIC_URL, whatever a request says about itself."""

import itertools
import re
from typing import Any

import pytest

from tests.security.house import PASSWORD, House

EVIL = "evil.example"
FORGED: dict[str, dict[str, str]] = {
    "X-Forwarded-Host": {"x-forwarded-host": EVIL},
    "X-Forwarded-Host, twice": {"x-forwarded-host": f"{EVIL}, gate.example.com"},
    "X-Forwarded-Proto": {"x-forwarded-proto": "http"},
    "X-Forwarded-Port": {"x-forwarded-port": "8443"},
    "X-Forwarded-Prefix": {"x-forwarded-prefix": f"//{EVIL}"},
    "X-Forwarded-Server": {"x-forwarded-server": EVIL},
    "Forwarded": {"forwarded": f"for=192.0.2.1;host={EVIL};proto=http"},
    "Referer": {"referer": f"https://{EVIL}/register"},
    "X-Host": {"x-host": EVIL},
    "X-Original-URL": {"x-original-url": f"https://{EVIL}/verify"},
    "X-Rewrite-URL": {"x-rewrite-url": f"https://{EVIL}/verify"},
    "X-HTTP-Host-Override": {"x-http-host-override": EVIL},
    "X-Real-IP": {"x-real-ip": EVIL},
    "Via": {"via": f"1.1 {EVIL}"},
}
HOSTS = [
    EVIL,
    f"gate.example.com.{EVIL}",
    f"gate.example.com@{EVIL}",
    f"gate.example.com:80@{EVIL}",
    f"{EVIL}:443",
    f"gate.example.com, {EVIL}",
    f"gate.example.com {EVIL}",
    f"gate.example.com\t{EVIL}",
    f"gate.example.com/{EVIL}",
    f"gate.example.com#{EVIL}",
    f"gate.example.com?{EVIL}",
    f"gate.example.com\\{EVIL}",
    "gate.example.com.",
    "gate.example.com:port",
    "gate.example.com:99999",
    "xgate.example.com",
    "example.com",
    "localhost",
    "127.0.0.1",
    "[::1]",
    "[evil",
    "*",
    "",
]


def links(house: House, to: str) -> list[str]:
    """Every address in every mail to somebody."""
    texts = [house.mailbox.read(one.name) for one in house.mailbox.list(200) if one.recipient == to]
    return [link for text in texts if text for link in re.findall(r"https?://[^\s<>\"]+", f"{text.text} {text.html}")]


def request_every_mail(client: Any, email: str, headers: dict[str, str]) -> list[int]:
    """Ask for each mail that a stranger can cause."""
    bodies = {
        "/auth/register": {"email": email, "password": PASSWORD},
        "/auth/verify/request": {"email": email},
        "/auth/password/reset/request": {"email": email},
    }
    return [client.post(path, json=body, headers=headers).status_code for path, body in bodies.items()]


@pytest.mark.parametrize("name", FORGED)
def test_s36_no_header_field_alters_a_link(production, gate, name):
    """Verification, reset and welcome lead to PUBLIC_URL, also when a trusted proxy passes the forged field on."""
    email = f"{name.lower().replace(', ', '-')}@example.com"
    statuses = request_every_mail(gate, email, FORGED[name])
    for subject in ("erify", "elcome", "assword"):
        production.mail(subject, email)
    found = links(production, email)
    assert ([202] * 3, True) == (statuses, len(found) >= 6)
    assert [] == [link for link in found if not link.startswith("https://gate.example.com")]
    assert EVIL not in "".join(found)


def test_s36_all_forged_fields_together_alter_no_page(gate):
    """The pages' own links and forms are paths, and nothing of the request's fields is repeated in them."""
    everything = {name: value for fields in FORGED.values() for name, value in fields.items()}
    for path in ("/", "/register", "/verify", "/verify?token=t", "/reset", "/reset?token=t", "/login", "/nowhere"):
        answer = gate.get(path, headers=everything | {"accept": "text/html"})
        assert EVIL not in answer.text + str(answer.headers)


@pytest.mark.parametrize("host", HOSTS)
def test_s36_an_unknown_host_is_400_but_for_the_probes(production, gate, host):
    """Nothing is done for it and nothing of it comes back; the three probes answer whoever asks by any name."""
    headers = {"host": host}
    answers = [
        gate.get("/register", headers=headers),
        gate.get("/nowhere", headers=headers),
        gate.post("/auth/register", json={"email": "nobody@example.com", "password": PASSWORD}, headers=headers),
    ]
    probes = [gate.get(path, headers=headers).status_code for path in ("/healthz", "/readyz", "/metrics")]
    assert [(400, "unknown_host")] * 3 == [(answer.status_code, answer.json()["code"]) for answer in answers]
    assert EVIL not in "".join(answer.text + str(answer.headers) for answer in answers)
    assert [200, 200, 401] == probes
    assert [] == links(production, "nobody@example.com")


def test_s36_in_development_the_names_of_this_machine_alter_no_link_either(house, client):
    """localhost and [::1] are answered, and the links still say PUBLIC_URL."""
    hosts = ("localhost:8000", "[::1]:8000", "localhost:9999", "127.0.0.1")
    for number, (host, forged) in enumerate(itertools.product(hosts, ({}, FORGED["X-Forwarded-Host"]))):
        email = f"ada{number}@example.com"
        body = {"email": email, "password": PASSWORD}
        answer = client.post("/auth/register", json=body, headers=forged | {"host": host})
        assert 202 == answer.status_code
        house.mail("erify", email)
        assert [] == [link for link in links(house, email) if not link.startswith(house.settings.public_url)]
