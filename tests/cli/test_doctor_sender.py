"""What `gatepost doctor` says of the sender's DNS, asked of a DNS server on loopback."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from gatepost.cli.doctor import dns_lookup
from gatepost.cli.doctor.dns_lookup import DnsLookup
from gatepost.cli.doctor.finding import Finding, Verdict
from gatepost.cli.doctor.sender import examine_sender
from gatepost.settings import Settings
from tests.support.dns_server import SERVFAIL, Zone, dns_server, text
from tests.support.signing import DOMAIN, SELECTOR, pair

OK, WARNING, WRONG, SKIPPED = Verdict.OK, Verdict.WARNING, Verdict.WRONG, Verdict.SKIPPED
GOOD: dict[tuple[str, str], list[str]] = {
    (DOMAIN, "TXT"): [text("something else"), text("v=spf1 include:_spf.provider.example -all")],
    ("_spf.provider.example", "TXT"): [text("v=spf1 ip4:192.0.2.0/24 ~all")],
    (f"_dmarc.{DOMAIN}", "TXT"): [text("v=DMARC1; p=reject; rua=mailto:dmarc@acme.example")],
    (DOMAIN, "MX"): ["10 mx.acme.example."],
    ("mx.acme.example", "A"): ["192.0.2.1"],
}


def examined(zone: Zone | None, **settings: Any) -> list[Finding]:
    """What the doctor finds where DNS says this."""
    given = Settings(smtp_url="smtp://127.0.0.1:2525", **({"sender": f"hello@{DOMAIN}"} | settings))
    with dns_server(zone) as port:
        return asyncio.run(examine_sender(given, DnsLookup("127.0.0.1", port, lifetime_s=0.5)))


def of(check: str, found: list[Finding]) -> Finding:
    """The one finding whose check begins so."""
    (one,) = [one for one in found if one.check.startswith(check)]
    return one


def test_a_sender_whose_records_are_good_has_nothing_to_do() -> None:
    """SPF with an include, DMARC, MX; who signs behind us is not known."""
    found = examined(GOOD)
    assert {"SPF": OK, "DKIM": SKIPPED, "DMARC": OK, "MX": OK} == {one.check.split()[0]: one.verdict for one in found}
    assert "v=spf1 include:_spf.provider.example -all (1 of 10 lookups)" == of("SPF", found).found
    assert "mx.acme.example" == of("MX", found).found


def test_without_records_it_says_which_to_publish() -> None:
    """Each advice holds the name and the record; none is a question."""
    found = examined({})
    assert [WRONG, SKIPPED, WRONG, WRONG] == [one.verdict for one in found]
    assert f'Publish TXT {DOMAIN} "v=spf1' in of("SPF", found).advice
    assert f'Publish TXT _dmarc.{DOMAIN} "v=DMARC1; p=none; rua=mailto:' in of("DMARC", found).advice
    assert all(one.advice for one in found)


MANY = " ".join(f"a:h{number}.example" for number in range(11))


@pytest.mark.parametrize(
    ("records", "verdict", "words"),
    [
        (["v=spf1 a mx ip4:192.0.2.1 ~all"], OK, "(2 of 10 lookups)"),
        (["v=spf1 -all", "v=spf1 ~all"], WRONG, "has 2 records"),
        (["v=spf1 ip4:192.0.2.1"], WARNING, "it does not end"),
        (["v=spf1 ?all"], WARNING, "it says nothing of others"),
        (["v=spf1 mx all"], WARNING, "it lets everybody send"),
        ([f"v=spf1 {MANY} -all"], WRONG, "more than 10 lookups"),
        (["v=spf1 include:acme.example -all"], WRONG, "more than 10 lookups"),
        (["v=spf1 include:nothing.example -all"], WRONG, "nothing.example, which it includes, has no record"),
        (["v=spf1 include: -all"], WRONG, "it includes nothing"),
        (["v=spf1 redirect=_spf.provider.example"], OK, "(1 of 10 lookups)"),
        (["v=spf1 include:%{d}.spf.example -all"], OK, "(1 of 10 lookups)"),
        (["v=spf10 -all"], WRONG, "there is no record"),
    ],
)
def test_spf_is_evaluated_as_a_receiver_would(records: list[str], verdict: Verdict, words: str) -> None:
    """One record, at most ten lookups over all that it includes, and an end that says something of others."""
    spf = of("SPF", examined({**GOOD, (DOMAIN, "TXT"): [text(one) for one in records]}))
    assert (verdict, True) == (spf.verdict, words in spf.found), spf


@pytest.mark.parametrize(
    ("name", "records", "verdict", "words"),
    [
        ("_dmarc.acme.example", ["v=DMARC1; p=none"], WARNING, "tells nobody"),
        ("_dmarc.acme.example", ["v=DMARC1; p=none; rua=mailto:a@acme.example"], OK, "p=none"),
        ("_dmarc.acme.example", ["v=DMARC1; rua=mailto:a@acme.example"], WRONG, "its p= is missing"),
        ("_dmarc.acme.example", ["v=DMARC1; p=reject", "v=DMARC1; p=none"], WRONG, "there are 2 records"),
        ("_dmarc.example", ["v=DMARC1; p=reject"], WRONG, "there is no record"),
    ],
)
def test_dmarc_asks_for_something_and_tells_somebody(
    name: str, records: list[str], verdict: Verdict, words: str
) -> None:
    """A top-level domain's record is nobody's."""
    zone = {key: value for key, value in GOOD.items() if not key[0].startswith("_dmarc")}
    dmarc = of("DMARC", examined({**zone, (name, "TXT"): [text(one) for one in records]}))
    assert (verdict, True) == (dmarc.verdict, words in dmarc.found), dmarc


def test_a_domain_below_follows_the_dmarc_of_the_one_above() -> None:
    """mail.acme.example has none of its own."""
    found = examined(GOOD, sender=f"hello@mail.{DOMAIN}")
    assert ("DMARC at _dmarc.acme.example", OK) == (of("DMARC", found).check, of("DMARC", found).verdict)


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_dkim_holds_the_key_that_signs(tmp_path: Path, kind: str) -> None:
    """In two pieces, as a long key comes; another key, none, a revoked one and a test are told apart."""
    key = tmp_path / "dkim.pem"
    key.write_bytes(pair(kind).pem)
    settings = {"dkim_key": str(key), "dkim_selector": SELECTOR}
    record = pair(kind).record.decode()
    other = pair("ed25519" if kind == "rsa" else "rsa").record.decode()
    expected = {
        record: (OK, f"it holds the key that signs ({kind})"),
        other: (WRONG, "the record holds another key than GATEPOST_DKIM_KEY"),
        f"{record}; t=s:y": (WARNING, "it says that you are testing (t=y)"),
        "v=DKIM1; p=": (WRONG, "the record is revoked: its p= is empty"),
        "v=DKIM1": (WRONG, "there is no record"),
    }
    for published, (verdict, words) in expected.items():
        zone = {**GOOD, (f"{SELECTOR}._domainkey.{DOMAIN}", "TXT"): [text(published)]}
        dkim = of(f"DKIM at {SELECTOR}._domainkey.{DOMAIN}", examined(zone, **settings))
        assert (verdict, words) == (dkim.verdict, dkim.found)
        assert verdict in (OK, WARNING) or record.partition("p=")[2] in dkim.advice


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ({(DOMAIN, "MX"): ["0 ."]}, WRONG, "it says that it takes no mail"),
        ({("mx.acme.example", "A"): []}, WRONG, "no address for mx.acme.example"),
        ({("mx.acme.example", "A"): [], ("mx.acme.example", "AAAA"): ["2001:db8::1"]}, OK, "mx.acme.example"),
        ({(DOMAIN, "MX"): [], (DOMAIN, "A"): ["192.0.2.1"]}, WARNING, "mail goes to the address of the domain"),
        ({(DOMAIN, "MX"): []}, WRONG, "there is none, and no address either"),
    ],
)
def test_replies_and_bounces_can_arrive(changes: Zone, verdict: Verdict, words: str) -> None:
    """An MX whose name has an address."""
    mx = of("MX", examined({**GOOD, **changes}))
    assert (verdict, True) == (mx.verdict, words in mx.found), mx


def test_bounces_that_go_elsewhere_are_looked_at_there() -> None:
    """SPF is about the domain of the return path; that takes mail, too."""
    found = examined(
        {**GOOD, ("b.example", "TXT"): [text("v=spf1 -all")], ("b.example", "A"): ["192.0.2.1"]},
        return_path="bounces@b.example",
    )
    assert ["SPF of b.example", "MX of acme.example", "MX of b.example"] == [
        one.check for one in found if one.check.startswith(("SPF", "MX"))
    ]


def test_dns_that_fails_or_says_nothing_is_a_warning_within_seconds() -> None:
    """Nobody knows, which is neither good nor wrong; each question is bounded, and so is their number."""
    failed = of("SPF", examined({**GOOD, (DOMAIN, "TXT"): [SERVFAIL]}))
    assert (WARNING, True) == (failed.verdict, failed.found.startswith("nobody knows: no answer about acme.example"))
    began = time.monotonic()
    found = examined(None)
    assert {WARNING, SKIPPED} == {one.verdict for one in found}
    assert time.monotonic() - began < 5


def test_no_more_questions_are_asked_than_the_bound_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever records lead to."""
    monkeypatch.setattr(dns_lookup, "MAX_QUESTIONS", 2)
    found = examined(GOOD)
    assert "after 2 questions no more are asked" in of("DMARC", found).found
