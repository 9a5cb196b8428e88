"""Addresses: which are taken, when two are the same, what goes over the wire, what a log shows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.errors import InvalidInput, InvalidRecipient
from gatepost.mail import address as module
from gatepost.mail.address import Address, mask_address, parse_address, wire_address

REFUSED = {
    "nothing": "",
    "no at sign": "ada.example.com",
    "no local part": "@example.com",
    "no domain": "ada@",
    "a domain without a dot": "ada@localhost",
    "the bare test domain": "ada@test",
    "a quoted local part": '"ada lovelace"@example.com',
    "a quoted local part that needs no quotes": '"ada"@example.com',
    "an encoded word": "=?utf-8?q?ada?=@example.com",
    "an IPv4 literal": "ada@[192.0.2.1]",
    "an IPv6 literal": "ada@[IPv6:2001:db8::1]",
    "an IP address as domain": "ada@192.0.2.1",
    "a comma": "ada,bob@example.com",
    "a semicolon": "ada;bob@example.com",
    "two addresses": "ada@example.com,bob@example.com",
    "two at signs": "ada@bob@example.com",
    "a display name": "Ada <ada@example.com>",
    "angle brackets": "<ada@example.com>",
    "a comment": "ada(home)@example.com",
    "white space before": " ada@example.com",
    "white space behind": "ada@example.com ",
    "a line end behind": "ada@example.com\n",
    "a header field": "ada@example.com\r\nBcc: bob@example.com",
    "a line end inside": "ada\r\nRCPT TO:<bob@example.com>@example.com",
    "NUL": "ada\x00@example.com",
    "DEL": "ada\x7f@example.com",
    "a next-line control": "ada\x85@example.com",
    "a line separator": "ada\u2028@example.com",
    "a zero-width space": "ada\u200b@example.com",
    "a zero-width joiner": "ada\u200d@example.com",
    "a direction override": "ada\u202emoc@example.com",
    "a soft hyphen": "ada\u00ad@example.com",
    "a private character": "ada\ue000@example.com",
    "a lone surrogate": "ada\ud800@example.com",
    "a full-width letter": "\uff41da@example.com",
    "a full-width comma": "ada\uff0cbob@example.com",
    "a full-width at sign": "ada\uff20bob@example.com",
    "the long s": "\u017fam@example.com",
    "the Kelvin sign": "ma\u212ae@example.com",
    "a dot at the start": ".ada@example.com",
    "a dot at the end": "ada.@example.com",
    "two dots": "ada..lovelace@example.com",
    "a dot at the end of the domain": "ada@example.com.",
    "a hyphen at the start of a label": "ada@-example.com",
    "a label of 64": f"ada@{'a' * 64}.com",
    "broken punycode": "ada@xn--0.com",
    "a local part of 65": f"{'a' * 65}@example.com",
    "a local part of 66 bytes in 33 letters": f"{'é' * 33}@example.com",
    "255 bytes": f"ada@{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.example",
    "a megabyte": "a" * 1_000_000 + "@example.com",
}

TAKEN = {
    "ada@example.com": "ada@example.com",
    "Ada.Lovelace+Engine@Example.COM": "ada.lovelace+engine@example.com",
    "ada@acme.test": "ada@acme.test",
    "o'brien@example.com": "o'brien@example.com",
    "ada@bücher.example": "ada@xn--bcher-kva.example",
    "ada@xn--bcher-kva.example": "ada@xn--bcher-kva.example",
    "jürgen@example.com": "jürgen@example.com",
    "ju\u0308rgen@example.com": "jürgen@example.com",
    "ÄDA@example.com": "Äda@example.com",
    "用户@例え.jp": "用户@xn--r8jz45g.jp",
    "\u0958@example.com": "\u0915\u093c@example.com",
    "a" * 64 + "@example.com": "a" * 64 + "@example.com",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_s14_what_cannot_be_written_safely_is_refused(text: str) -> None:
    """A refused address is the error of the field `email`, with one code."""
    with pytest.raises(InvalidInput) as refusal:
        parse_address(text)
    assert [("email", "invalid_address")] == [(error.field, error.code) for error in refusal.value.errors]


def test_the_length_is_looked_at_before_anything_else() -> None:
    """What a stranger sends costs no parsing when it is too long to be an address."""
    with pytest.raises(InvalidInput, match="at most 254 bytes"):
        parse_address("a" * 1_000_000 + "@example.com")


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_a_poisoned_row_never_reaches_the_wire(text: str) -> None:
    """What registration refuses is refused again when it stands in the database, and not repeated in the error."""
    with pytest.raises(InvalidRecipient) as refusal:
        wire_address(text)
    assert not text or text not in str(refusal.value)


@pytest.mark.parametrize(("text", "key"), TAKEN.items())
def test_s15_an_address_is_kept_as_typed_and_has_a_key(text: str, key: str) -> None:
    """The text stays as typed; the key has the ASCII letters of the local part and the domain in lower case."""
    assert Address(text=text, key=key) == parse_address(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("mıke@example.com", "mike@example.com"),
        ("a@GİTHUB.com", "a@github.com"),
        ("Äda@example.com", "äda@example.com"),
    ],
)
def test_s16_letters_are_not_folded_into_somebody_elses_address(one: str, other: str) -> None:
    """Unicode case folding never makes two addresses the same (CVE-2019-19844)."""
    assert parse_address(one).key != parse_address(other).key


def test_s13_the_longest_address_is_taken_and_no_longer_one() -> None:
    """254 bytes are an address, with 64 before the @-sign; a byte more on either side is none."""
    longest = f"{'a' * 64}@{'b' * 63}.{'c' * 60}.{'d' * 60}.com"
    assert 254 == len(longest)
    assert longest == parse_address(longest).text
    short_domain = f"{'a' * 65}@example.com"
    for too_long in (longest.replace(".com", ".info"), short_domain, f"{'é' * 33}@example.com"):
        with pytest.raises(InvalidInput, match=r"at most (254|64) bytes"):
            parse_address(too_long)


@pytest.mark.parametrize(
    ("stored", "wire"),
    [
        ("Ada@Example.com", "Ada@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example"),
        ("Postmaster@example.com", "Postmaster@example.com"),
    ],
)
def test_on_the_wire_only_the_domain_changes(stored: str, wire: str) -> None:
    """The local part belongs to its server and is kept; the domain becomes A-labels."""
    assert wire == wire_address(stored)


_labels = st.text("ab0-", min_size=1, max_size=6) | st.sampled_from(["a" * 61, "b" * 62, "xn--a", "local", "aa--b"])
_likely = st.builds(
    "{}@{}.{}".format,
    st.text("aZ0._+-", min_size=1, max_size=8) | st.sampled_from(["a" * 64, "a" * 65]),
    st.lists(_labels, min_size=1, max_size=4).map(".".join),
    st.sampled_from(["com", "net", "org", "de", "zz", "test", "local", "arpa", "d1", "co"]),
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(_likely)
def test_the_short_proof_takes_nothing_the_whole_proof_refuses(text: str) -> None:
    """What the quick expression lets pass, the library lets pass with the same result."""
    if module._PLAIN.fullmatch(text):
        assert text == "@".join(module._split(text))


def test_the_short_proof_is_taken_for_ordinary_addresses() -> None:
    """The expression is worth having: it knows what most people use."""
    for text in ("ada@example.com", "Ada.Lovelace+x@mail.acme.de", "a_b-c@a-1.org"):
        assert module._PLAIN.fullmatch(text)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.characters(), max_size=40), st.sampled_from(["example.com", "EXAMPLE.com", "bücher.example"]))
def test_whatever_is_taken_is_one_line_and_its_key_is_stable(local_part: str, domain: str) -> None:
    """What is taken has no white space and no control character, and the key of a key is the key."""
    try:
        parsed = parse_address(f"{local_part}@{domain}")
    except InvalidInput:
        return
    assert parsed.text.isprintable()
    assert " " not in parsed.text
    assert parsed.key == parse_address(parsed.key).key


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("ada@example.com", "a***@example.com"),
        ("a@example.com", "a***@example.com"),
        ("ada", "***"),
        ("@example.com", "***"),
        ("ada@", "***"),
        ("", "***"),
        ("ada@example.com\r\n{}", "***"),
        ("a" * 300 + "@example.com", "***"),
        ("ada@bücher", "***"),
        ("ada@bü cher.example", "***"),
    ],
)
def test_a_log_shows_one_letter_and_the_domain(text: str, masked: str) -> None:
    """A masked address names the domain, and text that is no address is not shown at all."""
    assert masked == mask_address(text)


@pytest.mark.parametrize(
    ("domain", "shown"),
    [
        ("аpple.com", "xn--pple-43d.com"),  # its first letter is Cyrillic, the others are Latin
        ("рау.com", "xn--80a5ak.com"),  # three Cyrillic letters
        ("bücher.example", "xn--bcher-kva.example"),
        ("apple.com", "apple.com"),
    ],
)
def test_s17_a_domain_that_looks_like_another_is_shown_by_its_a_labels(domain: str, shown: str) -> None:
    """Whoever reads events and logs sees that it is not the one it looks like; so does the key."""
    assert f"a***@{shown}" == mask_address(f"ada@{domain}")
    assert f"ada@{shown}" == parse_address(f"ada@{domain}").key
