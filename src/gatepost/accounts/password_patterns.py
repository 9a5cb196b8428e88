"""How people make passwords without thinking: signs around a word, digits for letters, repeats, rows of keys. Pure."""

import string
import unicodedata

LEAST_DIFFERENT = 4  # characters: "aaaaaaaaaaaa" and "110011001100" have fewer
LONGEST_UNIT = 4  # characters: repeated they are no better than once, as in "abcdabcdabcd"
LEAST_RUN = 3  # keys

_ROWS = (
    "`1234567890-=",
    "qwertyuiop[]\\",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiopü",
    "yxcvbnm,.-",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "йцукенгшщзхъ",
    "фывапролджэ",
    "ячсмитьбю",
    "~!@#$%^&*()_+",
    *("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm"),
    string.ascii_lowercase,
    "01234567890",
)
# A line end after each: no run goes on from one row to the next.
_RUNS = "\n".join((*_ROWS, *(row[::-1] for row in _ROWS)))
# Letter for sign, so that a reading has the places of what was typed; 1 and ! stand for two letters.
_LEET = tuple(str.maketrans("0134578@$!", f"o{one}eastbas{one}") for one in "il")


def readings(text: str) -> tuple[str, ...]:
    """The text as it stands, and as it reads with digits and signs taken for letters: "p4$$w0rd"; all of one length."""
    return (text, *(text.translate(table) for table in _LEET))


def is_sign(character: str) -> bool:
    """Say whether this is a blank or a punctuation sign, of any script."""
    if character.isalnum():  # nearly always, and quick
        return False
    return character in string.punctuation or character.isspace() or unicodedata.category(character)[0] == "P"


def is_added(character: str) -> bool:
    """Say whether people put this around a word to make it pass: a digit, a blank or a sign."""
    return character.isdigit() or is_sign(character)


def without_signs(text: str) -> str:
    """What is left without blanks and signs: "pass-word" is "password"."""
    return "".join(character for character in text if not is_sign(character))


def unit_of(text: str) -> str:
    """The least text that repeated makes this one, the last time perhaps cut short; else the text itself."""
    for length in range(1, len(text) // 2 + 1):
        if text.startswith(text[length:]):
            return text[:length]
    return text


def is_regular(text: str) -> bool:
    """Say whether hardly anything was chosen: few different characters, a short unit repeated, or rows of keys."""
    few = len(set(text)) < LEAST_DIFFERENT
    return few or len(unit_of(text)) <= LONGEST_UNIT or is_walk(text)


def is_walk(text: str) -> bool:
    """Say whether the text is nothing but rows of keys, the alphabet, digits in order and keys held down."""
    at = 0
    while at < len(text):
        length = max(_run(text, at), _held(text, at))
        if length < LEAST_RUN:
            return False
        at += length
    return True


def _run(text: str, start: int) -> int:
    end = start
    while end < len(text) and text[end] != "\n" and text[start : end + 1] in _RUNS:
        end += 1
    return end - start


def _held(text: str, start: int) -> int:
    end = start
    while end < len(text) and text[end] == text[start]:
        end += 1
    return end - start
