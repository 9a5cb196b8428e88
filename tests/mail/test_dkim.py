"""Signatures of mail (DKIM): the referee finds every one of them good, and none after anything was changed."""

import importlib.util
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.cli import send_test
from gatepost.errors import SettingsError
from gatepost.mail.check import HEADER_FIELDS, check_message, header_fields
from gatepost.mail.dkim import FIELD, SEALED, Signer
from gatepost.mail.dkim_key import MIN_RSA_BITS, read_key
from gatepost.parts import build_signer
from gatepost.settings import Settings
from tests.support.every_mail import EVERY, NOW_MS, mail
from tests.support.signing import DOMAIN, KINDS, SELECTOR, pair

SHOWN_OR_OBEYED = (
    b"From",
    b"To",
    b"Cc",
    b"Subject",
    b"Date",
    b"Reply-To",
    b"Message-ID",
    b"List-Unsubscribe",
    b"List-Unsubscribe-Post",
    b"MIME-Version",
    b"Content-Type",
    b"Content-Transfer-Encoding",
)
SAMPLES = ("complete", "bare", "long", "hostile")
PEM = (Encoding.PEM, PrivateFormat.PKCS8)
WELCOME = mail("welcome", "en", "complete").content


def signed(kind: str, content: bytes = WELCOME) -> bytes:
    """A message with its signature."""
    return pair(kind).signer.sign(content, NOW_MS)


def names_of(content: bytes) -> list[bytes]:
    """The names of the header fields of a message, in their order."""
    header = content.partition(b"\r\n\r\n")[0]
    return [line.partition(b":")[0] for line in re.split(rb"\r\n(?![ \t])", header)]


def tag(content: bytes, name: str) -> bytes:
    """What a tag of the signature holds, without white space."""
    field = re.sub(rb"\s", b"", re.split(rb"\r\n(?![ \t])", content)[0])
    found = re.search(rb"[;:]%b=([^;]*)" % name.encode(), field)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("message", "language"), EVERY)
@pytest.mark.parametrize("sample", SAMPLES)
def test_every_mail_is_signed_well(message: str, language: str, sample: str, kind: str) -> None:
    """Each message in each language, with both kinds of key; it passes our own check with the one field more."""
    content = mail(message, language, sample).content
    whole = signed(kind, content)
    assert whole.endswith(content)
    assert pair(kind).passes(whole)
    fields = header_fields(unsubscribe=b"List-Unsubscribe" in names_of(content))
    check_message(whole, (FIELD, *fields))


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_covered_and_those_that_matter_are_sealed(kind: str) -> None:
    """What is named once more than it is there cannot be added by anybody."""
    whole = signed(kind)
    covered = tag(whole, "h").split(b":")
    there = names_of(WELCOME)
    assert [*there, *SEALED] == covered
    assert set(HEADER_FIELDS) <= set(there)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", names_of(WELCOME), ids=bytes.decode)
def test_no_field_can_be_changed_or_taken_away(kind: str, name: bytes) -> None:
    """Any field of ours."""
    whole = signed(kind)
    changed = whole.replace(b"\r\n%b: " % name, b"\r\n%b: x" % name, 1)
    gone = re.sub(rb"\r\n%b: [^\r\n]*(?:\r\n[ \t][^\r\n]*)*" % name, b"", whole, count=1)
    assert (1, 0) == (names_of(changed).count(name), names_of(gone).count(name))
    assert changed != whole
    assert pair(kind).fails(changed)
    assert pair(kind).fails(gone)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SHOWN_OR_OBEYED, ids=bytes.decode)
def test_no_field_that_is_shown_or_obeyed_can_be_added(kind: str, name: bytes) -> None:
    """Before those that are there, or behind them."""
    whole = signed(kind)
    more = b"%b: evil@evil.example\r\n" % name
    signature, rest = whole[: -len(WELCOME)], WELCOME
    for forged in (more + whole, signature + more + rest, whole.replace(b"\r\n\r\n", b"\r\n" + more + b"\r\n", 1)):
        assert pair(kind).fails(forged)


@pytest.mark.parametrize("kind", KINDS)
def test_no_part_of_the_body_can_be_changed(kind: str) -> None:
    """Neither a letter, nor a line more at its end."""
    whole = signed(kind)
    for forged in (
        whole.replace(b"It is good", b"It is bad"),
        whole + b"more\r\n",
        whole[:-20],
        whole.replace(b"--=_gatepost", b"-- =_gatepost"),
    ):
        assert forged != whole
        assert pair(kind).fails(forged)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["t", "d", "s", "a", "h", "bh", "b"])
def test_no_tag_of_the_signature_can_be_changed(kind: str, name: str) -> None:
    """The signature signs itself."""
    whole = signed(kind)
    value = tag(whole, name)
    last = b"7" if value[-1:] != b"7" else b"8"
    if name in ("bh", "b"):  # not the last character: some of its bits may say nothing
        at = whole.index(b"\t%b=" % name.encode()) + len(name) + 3
        forged = whole[:at] + (b"A" if whole[at : at + 1] != b"A" else b"B") + whole[at + 1 :]
    else:
        forged = re.sub(rb"([ \t]%b=[^;]*)[^;](?=;)" % name.encode(), rb"\g<1>" + last, whole, count=1)
    assert forged != whole
    assert pair(kind).fails(forged)


@pytest.mark.parametrize("kind", KINDS)
def test_what_relays_do_to_white_space_breaks_nothing(kind: str) -> None:
    """A subject that is folded elsewhere, capitals in names, spaces at the ends of lines, empty lines at the end."""
    whole = signed(kind)
    header, _, body = whole.partition(b"\r\n\r\n")
    header = header.replace(b"Subject: Welcome to", b"SUBJECT:  Welcome\r\n\tto").replace(b"To: ", b"to:")
    body = body.replace(b"It is good", b"It  is\tgood").replace(b".\r\n", b". \t\r\n") + b"\r\n\r\n"
    assert pair(kind).passes(header + b"\r\n\r\n" + body)


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_beyond_ascii_is_signed(kind: str) -> None:
    """To is UTF-8 then (RFC 8616)."""
    content = WELCOME.replace(b"To: ada@", "To: дда@".encode())
    assert content != WELCOME
    assert pair(kind).passes(signed(kind, content))


@pytest.mark.parametrize("kind", KINDS)
def test_a_further_attempt_is_signed_alike(kind: str) -> None:
    """The same content at the same second has the same signature: nothing of it is left to chance."""
    assert signed(kind) == signed(kind)
    later = pair(kind).signer.sign(WELCOME, NOW_MS + 1000)
    assert (b"%d" % (NOW_MS // 1000), b"%d" % (NOW_MS // 1000 + 1)) == (tag(signed(kind), "t"), tag(later, "t"))
    assert pair(kind).passes(later)


def test_lines_stay_short_and_long_names_are_no_hindrance() -> None:
    """78 characters with usual names (RFC 5322, 2.1.1); with the longest ones far from the 998 that are allowed."""
    for kind in KINDS:
        signature = signed(kind)[: -len(WELCOME)]
        assert max(map(len, signature.split(b"\r\n"))) <= 78
        assert b"" == signature.replace(b"\r\n", b"").strip(bytes(range(32, 127)) + b"\t")
    domain = ".".join(["d" * 60] * 4) + ".example"
    signer = Signer(pair("ed25519").signer.key, domain, "s" * 63)
    whole = signer.sign(WELCOME, NOW_MS)
    assert pair("ed25519").passes(whole, domain=domain, selector="s" * 63)
    check_message(whole, (FIELD, *header_fields(unsubscribe=True)))


_LINES = st.lists(
    st.text(st.sampled_from("ab  \t=.:;é"), max_size=12).map(lambda text: text.encode() + b"\r\n"), max_size=6
).map(b"".join)
_VALUES = st.lists(
    st.text(st.sampled_from("ab:;, \té"), max_size=10).map(lambda text: f"x{text}x".encode()), min_size=1, max_size=3
).map(b"\r\n\t".join)


@settings(max_examples=300, deadline=None)
@given(values=st.lists(_VALUES, min_size=1, max_size=4), body=_LINES)
def test_any_message_is_signed_well(values: list[bytes], body: bytes) -> None:
    """Any white space anywhere, folds, empty bodies: what we think is signed is what the referee thinks."""
    fields = b"".join(b"X-%d:%b\r\n" % (number, value) for number, value in enumerate(values))
    content = b"From: ada@acme.example\r\n" + fields + b"\r\n" + body
    assert pair("ed25519").passes(signed("ed25519", content))


# Keys


def _ec() -> bytes:
    return generate_ec(SECP256R1()).private_bytes(*PEM, NoEncryption())


def _short() -> bytes:
    return generate_private_key(65537, 1024).private_bytes(*PEM, NoEncryption())


def _encrypted() -> bytes:
    return generate_private_key(65537, 2048).private_bytes(*PEM, BestAvailableEncryption(b"correct horse"))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_short, f"holds an RSA key of 1024 bits: make one of at least {MIN_RSA_BITS}"),
        (_ec, "make one of RSA or Ed25519"),
        (_encrypted, "is encrypted"),
        (lambda: b"", "holds no private key in PEM"),
        (lambda: b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "holds no private key in PEM"),
        (lambda: pair("rsa").record, "holds no private key in PEM"),
    ],
    ids=["short", "ec", "encrypted", "empty", "broken", "public"],
)
def test_a_key_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path, make, why: str) -> None:  # type: ignore[no-untyped-def]
    """With the setting, the file and the way out, and nothing of the key."""
    path = tmp_path / "dkim.pem"
    path.write_bytes(make())
    with pytest.raises(SettingsError) as refused:
        build_signer(Settings(dkim_key=path, dkim_selector=SELECTOR))
    assert str(refused.value).startswith(f"GATEPOST_DKIM_KEY: {path} ")
    assert why in str(refused.value)
    assert "c2VjcmV0" not in str(refused.value)


def test_a_key_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Not there, or no file."""
    for path in (tmp_path / "gone.pem", tmp_path):
        with pytest.raises(SettingsError, match="cannot be read: "):
            build_signer(Settings(dkim_key=path, dkim_selector=SELECTOR))


def test_without_the_library_the_start_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where there is a key: everybody else needs none."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert None is build_signer(Settings())
    with pytest.raises(SettingsError, match=re.escape('pip install "gatepost[signatures]"')):
        build_signer(Settings(dkim_key=tmp_path / "dkim.pem", dkim_selector=SELECTOR))


def test_an_old_form_of_a_key_is_read() -> None:
    """PKCS #1, as older programs write it."""
    key = generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    assert "rsa-sha256" == read_key(key).algorithm


@pytest.mark.parametrize("kind", KINDS)
def test_the_domain_is_the_senders_unless_told(tmp_path: Path, kind: str) -> None:
    """As A-labels; `gatepost send-test` signs as the service does."""
    path = tmp_path / "dkim.pem"
    path.write_bytes(pair(kind).pem)
    for sender, domain, expected in (
        ("Acme <hello@acme.example>", None, DOMAIN),
        ("Acme <hello@bücher.example>", None, "xn--bcher-kva.example"),
        ("Acme <hello@mail.acme.example>", "acme.example", DOMAIN),
    ):
        made = Settings(dkim_key=path, dkim_selector=SELECTOR, sender=sender, dkim_domain=domain)
        content = send_test.compose(made, "ada@example.com").content
        assert pair(kind).passes(content, domain=expected)
