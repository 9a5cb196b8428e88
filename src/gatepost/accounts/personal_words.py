"""Words that everybody knows about a person: of the address, the name, the product. Pure."""

import re
import unicodedata
from collections.abc import Iterable

from gatepost.accounts.password_patterns import is_added, is_sign, readings, without_signs

LEAST_WORD = 4  # code points; "ann" and "lee" are in too many other words
LEAST_OF_ONES_OWN = 8  # characters that are neither of these words nor digits nor signs
_MOST_READ = 320  # code points of an address or a name: more is neither

_BETWEEN = re.compile(r"[\W_]+")


def personal_words(known: Iterable[str | None]) -> list[str]:
    """The words a password must not be made of, casefolded, the longest first.

    An address gives its local part and the labels of its domain without the last one; each of them, as a name, gives
    its parts and the whole without signs: "ann.lee@mail.example.com" gives "annlee", "mail" and "example".

    Args:
        known: addresses, names, the product's name; None is left out.
    """
    words: set[str] = set()
    for text in known:
        for part in _parts(text) if text else ():
            words.update((*_BETWEEN.split(part), without_signs(part)))
    return sorted((word for word in words if len(word) >= LEAST_WORD), key=lambda word: (-len(word), word))


def is_made_of(password: str, words: Iterable[str]) -> bool:
    """Say whether a password has some of the words and, besides them, too little of its own.

    Args:
        password: in NFC.
        words: from `personal_words`.
    """
    text = password.casefold()
    return any(_is_made_of(text, reading, words) for reading in readings(text))


def _is_made_of(text: str, reading: str, words: Iterable[str]) -> bool:
    kept = [(typed, read) for typed, read in zip(text, reading, strict=True) if not is_sign(read)]
    typed, read = ("".join(column) for column in zip(*kept, strict=True)) if kept else ("", "")
    found = False
    for word in words:
        while (at := read.find(word)) >= 0:
            found = True
            # A line end, which no word has: what stood before and behind must not grow together to another word.
            read = f"{read[:at]}\n{read[at + len(word) :]}"
            typed = f"{typed[:at]}\n{typed[at + len(word) :]}"
    return found and sum(not is_added(character) for character in typed) < LEAST_OF_ONES_OWN


def _parts(text: str) -> list[str]:
    text = unicodedata.normalize("NFC", text[:_MOST_READ]).casefold()
    local_part, at, domain = text.rpartition("@")
    return [local_part, *domain.split(".")[:-1]] if at else [text]
