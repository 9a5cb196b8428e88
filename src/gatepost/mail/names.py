"""Names people give themselves, and other lines, made safe to print in a subject, a header field and a body."""

import re
import unicodedata

MAX_NAME_CHARACTERS = 80

# Code points that show nothing although they count as letters, marks or symbols (Unicode: Default_Ignorable, and the
# empty Braille pattern): with them two names look alike, or a name looks empty.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)

# More combining marks than any script stacks: they would reach into the lines above and below.
_MARK = "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_STACKED_MARKS = re.compile(f"({_MARK}{{3}}){_MARK}+")

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:/{2,}", re.IGNORECASE)

# What glues an address together, directly before more of it; every sign that IDNA or a mail client reads as a dot.
_GLUE = re.compile(r"([.:@\u2024\u3002\ufe52\ufe55\ufe6b\uff0e\uff1a\uff20\uff61])(?=[^\s.])")

_ENCODED_WORD = re.compile(r"=(?=\?)")


def clean_line(text: str, most: int = MAX_NAME_CHARACTERS) -> str:
    """Make one printable line of `text`: at most `most` code points in NFC, without anything that is not seen.

    Control, format (direction and zero-width), private and unassigned characters go; every kind of white space and
    line end becomes one space; what looks like an encoded word (RFC 2047) is broken.
    """
    return _cut(_ENCODED_WORD.sub("= ", _printable(text, most)), most)


def clean_name(text: str) -> str:
    """Make a person's name safe to print in a mail that goes to somebody else's address.

    As `clean_line`, and nothing in it becomes a link: strangers would use our mail to carry their advertisement.
    Mail clients make links of "http://evil", "evil.com" and "a@evil.com" by themselves, in text as in HTML. A scheme is
    dropped and a space put behind each dot, colon and at sign that glues words together: "evil. com" stays readable
    and is no link anywhere, and real names come out as they should be set: "J. R. R. Tolkien", "Dr. Ada". An invisible
    character in between would be less to see, but some clients skip it and link all the same.
    """
    linkless = _ENCODED_WORD.sub("= ", _SCHEME.sub("", _printable(text, MAX_NAME_CHARACTERS)))
    return _cut(_GLUE.sub(r"\1 ", linkless), MAX_NAME_CHARACTERS)


def _printable(text: str, most: int) -> str:
    if text.isascii() and text.isprintable():
        return text[: 16 * most]
    # Far more is read than is kept, because white space collapses; not more, because work must not grow with the input.
    seen = "".join(map(_visible, text[: 16 * most]))
    return _STACKED_MARKS.sub(r"\1", unicodedata.normalize("NFC", _INVISIBLE.sub("", seen)))


def _visible(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] == "Z" or character.isspace():
        return " "
    return "" if category[0] == "C" else character


def _cut(line: str, most: int) -> str:
    return " ".join(line.split())[:most].rstrip()
