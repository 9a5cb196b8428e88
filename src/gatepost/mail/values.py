"""Values a draft gives to its templates: which may be stored, and how they are made safe to print."""

import re

from gatepost.mail.names import clean_line, clean_name

MAX_VALUE_CHARACTERS = 2000

# JSON and PostgreSQL's text have no NUL, UTF-8 has no half of a character.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

# Characters as wide as high. Between them and others a reader of Chinese expects a space.
_SQUARE = re.compile(
    "[\u2e80-\u30ff\u31c0-\u31ef\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff60\U00020000-\U0003ffff]"
)

_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"]+")


def clean_value(text: str) -> str:
    """Make one printable line of `text`, as `clean_line`, but of at most MAX_VALUE_CHARACTERS code points."""
    return clean_line(text, MAX_VALUE_CHARACTERS)


def is_web_address(text: str) -> bool:
    """Say whether `text` is an absolute http or https URL that can be printed as it is."""
    return _WEB_ADDRESS.fullmatch(text) is not None and text.isprintable()


def value_problem(value: object) -> str | None:
    """Say why a value cannot be stored and printed, as the end of a sentence about it; None when it can."""
    if not isinstance(value, str):
        return "is no text: give every value as it shall be read"
    if len(value) > MAX_VALUE_CHARACTERS:
        return f"has more than {MAX_VALUE_CHARACTERS} characters"
    if _UNSTORABLE.search(value):
        return "holds NUL or half of a character (a lone surrogate)"
    return None


def spaced(text: str) -> str:
    """Set a space on each side of a value between Chinese characters: 您的 Acme 账号, but 您的飞书账号."""
    return spaced_after(spaced_before(text))


def spaced_before(text: str) -> str:
    """Set a space only before it, as at the end of a sentence: 欢迎使用 Acme。"""
    return text if not text or _SQUARE.match(text[0]) else f" {text}"


def spaced_after(text: str) -> str:
    """Set a space only behind it, as at the start of a sentence: Acme 已准备就绪。"""
    return text if not text or _SQUARE.match(text[-1]) else f"{text} "


# What a template may put behind a value: {{ inviter | as_name }}.
FILTERS = {"as_name": clean_name, "spaced": spaced, "spaced_before": spaced_before, "spaced_after": spaced_after}
