"""Passwords that attackers try first: a list of them, and what people do to one to make it pass. Pure.

docs/reference/passwords.md says what the list beside this file holds, where it comes from and how it is made again.
"""

import gzip
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from gatepost.accounts.password_patterns import is_added, is_regular, is_walk, readings, unit_of, without_signs

# As many digits and signs beside a word are worth nothing; more, if nobody can foresee them, are a password themselves.
MAX_ADDED_CHARACTERS = 8
_LEAST_WORD = 4  # the shortest of the list
_LONGEST_DISGUISE = 128  # characters; no entry is half as long


def is_common(password: str) -> bool:
    """Say whether a password is on the list, or is one of the list in disguise.

    The disguises: other capitals; digits and signs for letters ("p4$$w0rd"); up to MAX_ADDED_CHARACTERS of them, or a
    row of keys, before and behind; blanks and signs in between; the whole thing repeated. What is nothing but repeats
    and rows of keys is common too.

    Args:
        password: in NFC.
    """
    text = password.casefold()
    regular = is_regular(text) or is_regular(without_signs(text) or text)
    return regular or any(is_listed(candidate) for candidate in _undisguised(text))


def is_listed(text: str) -> bool:
    """Say whether the list has exactly this text."""
    if len(text) < _LEAST_WORD:
        return False
    entry, lines = text.encode(), load()
    low, high = 0, len(lines)  # both at the beginning of a line
    while low < high:
        start = lines.rfind(b"\n", low, (low + high) // 2) + 1 or low
        end = lines.index(b"\n", start)
        line = lines[start:end]
        if line == entry:
            return True
        low, high = (end + 1, high) if line < entry else (low, start)
    return False


@cache
def load() -> bytes:
    """The list: a line for each entry, casefolded, in NFC, sorted; searched as it is, it takes half a megabyte."""
    return gzip.decompress(files(__package__).joinpath("common_passwords.txt.gz").read_bytes())


def _undisguised(text: str) -> Iterator[str]:
    for whole in {text, unit_of(text), unit_of(without_signs(text))}:
        if len(whole) > _LONGEST_DISGUISE:
            continue
        for word in {whole, _without_added(whole, before=True), _without_added(whole, before=False)}:
            for reading in readings(word):
                yield reading
                yield without_signs(reading)


def _without_added(text: str, *, before: bool) -> str:
    """The text without what was added behind it, and before it as well."""
    start, end = 0, len(text)
    while end > 0 and is_added(text[end - 1]):
        end -= 1
    while before and start < end and is_added(text[start]):
        start += 1
    foreseen = all(len(added) <= MAX_ADDED_CHARACTERS or is_walk(added) for added in (text[:start], text[end:]))
    return text[start:end] if foreseen else text
