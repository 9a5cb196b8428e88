"""Return paths: each names its message, and nobody else can write one."""

import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from gatepost.mail.address import MAX_LOCAL_PART_BYTES, wire_address
from gatepost.mail.return_path import make, read
from gatepost.settings.urls import MAX_RETURN_PATH_LOCAL_PART

KEY, OTHER = b"k" * 32, b"o" * 32
ROW_ID = uuid.UUID("0192f0c1-7a6b-7c3d-8e4f-a1b2c3d4e5f6")
ADDRESS = "bounces@mail.acme.example"


@given(st.uuids())
def test_what_was_made_is_read(row_id: uuid.UUID) -> None:
    """The id comes back, whatever it is, from an address that may be written to a server."""
    made = make(KEY, ADDRESS, row_id)
    assert re.fullmatch(r"bounces\+[a-z2-7]{36}@mail\.acme\.example", made)
    assert made == wire_address(made)
    assert row_id == read([KEY], made)


def test_the_longest_local_part_still_fits() -> None:
    """The longest RETURN_PATH there may be gives an address that mail servers take."""
    made = make(KEY, "b" * MAX_RETURN_PATH_LOCAL_PART + "@acme.example", ROW_ID)
    assert len(made.partition("@")[0]) <= MAX_LOCAL_PART_BYTES
    assert made == wire_address(made)


def test_what_servers_do_to_an_address_does_no_harm() -> None:
    """Capitals, another domain, and the words of a forwarder around it: still the same message."""
    made = make(KEY, ADDRESS, ROW_ID)
    code = made.partition("@")[0]
    for written in (
        made.upper(),
        f"{code}@elsewhere.example",
        f"prvs=0123abcdef={made}",
        f"SRS0=HHH=TT=acme.example={code}@forwarder.example",
        f"<{made}>",
    ):
        assert ROW_ID == read([KEY], written)


def test_a_retired_key_is_still_believed() -> None:
    """A bounce that comes after the keys were changed names its message as long as the old key is there."""
    made = make(KEY, ADDRESS, ROW_ID)
    assert ROW_ID == read([OTHER, KEY], made)
    assert read([OTHER], made) is None
    assert read([], made) is None


def test_every_changed_character_is_noticed() -> None:
    """Any other character at any of the 36 places is not believed, nor is a shorter or a longer code."""
    code = make(KEY, ADDRESS, ROW_ID).removeprefix("bounces+").partition("@")[0]
    for place, character in enumerate(code):
        for other in "abcdefghijklmnopqrstuvwxyz234567".replace(character, ""):
            forged = f"bounces+{code[:place]}{other}{code[place + 1 :]}@mail.acme.example"
            assert read([KEY], forged) is None, forged
    for forged in (code[:-1], code + "a", code[1:]):
        assert read([KEY], f"bounces+{forged}@mail.acme.example") is None


def test_letters_that_only_look_like_ours_are_none() -> None:
    """The Kelvin sign and the long s are small letters to some software; a code that holds them is read as none."""
    code = "ks" * 18
    for written in (code.replace("k", "\u212a"), code.replace("s", "\u017f")):
        assert read([KEY], f"bounces+{written}@mail.acme.example") is None


@given(st.text(max_size=100) | st.from_regex(r"[a-z]*\+[a-z2-7]{36}@[a-z]*"))
def test_no_other_text_is_one(text: str) -> None:
    """Whatever an address in a report looks like, it is read without an error and names no message."""
    assert read([KEY], text) is None
