"""Which language an answer is written in: the one `locale` asks for, else the best of Accept-Language, else English."""

import re
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.types import Scope

from gatepost.languages import nearest

# Each language with its name in itself. The first is the one the code is written in; the others have a catalogue each.
LANGUAGES = {"en": "English", "zh-CN": "简体中文"}
DEFAULT_LANGUAGE = "en"

# Browsers send five ranges in some fifty characters. What comes after these is not read.
MAX_FIELD_CHARACTERS = 1024
MAX_RANGES = 32

# RFC 9110, 12.5.4 and 12.4.2: a language range (RFC 4647, 2.1) and its weight.
_RANGE = re.compile(
    r"[ \t]*(\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)[ \t]*(?:;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?"
)
_IN_BODY = "gatepost.locale"


def language_of(request: HTTPConnection) -> str:
    """The language this request is answered in, one of LANGUAGES."""
    return locale_of(request) or DEFAULT_LANGUAGE


def locale_of(request: HTTPConnection) -> str | None:
    """What the request says about its language, as one of LANGUAGES; None when it says nothing that we have.

    A registration that brings no `locale` of its own gets this one.
    """
    return asked_language(request) or negotiate(",".join(request.headers.getlist("accept-language")))


def asked_language(request: HTTPConnection) -> str | None:
    """The language that `locale` asks for, in the query or else in the body that was read; None when neither does."""
    for locale in (request.query_params.get("locale"), request.scope.get(_IN_BODY)):
        if isinstance(locale, str) and (language := nearest(locale, LANGUAGES)) is not None:
            return language
    return None


def keep_locale(scope: Scope, locale: object) -> None:
    """Remember the `locale` a body brought, whatever it is, so that what is answered about the body is in it."""
    scope[_IN_BODY] = locale


async def _locale(request: Request) -> str | None:
    # A coroutine, although it waits for nothing: FastAPI would send a plain function to a thread for each request.
    return locale_of(request)


PreferredLocale = Annotated[str | None, Depends(_locale)]


def negotiate(field: str) -> str | None:
    """Choose one of LANGUAGES by an Accept-Language field; None when it names none of them.

    Ranges are tried in the order of their weights (RFC 4647, 3.4). A weight of 0 rules a language out, unless another
    range names it at least as exactly. What is no range is passed over.
    """
    ranges = list(_ranges(field))
    wanted = sorted((one for one in ranges if one[1] > 0), key=lambda one: -one[1])
    unwanted = [tag for tag, weight in ranges if weight == 0]
    named = {_language(tag) for tag, _ in ranges}
    for place, (tag, _) in enumerate(wanted):
        if tag == "*":
            candidates = [language for language in LANGUAGES if language not in named]
        elif _is_tail(tag, [better for better, _ in wanted[:place]]):
            continue
        else:
            candidates = [language for language in LANGUAGES if language == _language(tag)]
        for language in candidates:
            if not any(_rules_out(other, language, tag) for other in unwanted):
                return language
    return None


def say_language(headers: MutableHeaders, language: str) -> None:
    """Mark an answer that holds words: which language they are in, and that another request may get others."""
    headers["Content-Language"] = language
    headers.add_vary_header("Accept-Language")


def _ranges(field: str) -> Iterator[tuple[str, float]]:
    if len(field) > MAX_FIELD_CHARACTERS:
        field = field[:MAX_FIELD_CHARACTERS].rpartition(",")[0]
    for part in field.split(",", MAX_RANGES)[:MAX_RANGES]:
        if (match := _RANGE.fullmatch(part)) is not None:
            yield match[1], float(match[2] or 1)


def _language(tag: str) -> str | None:
    return nearest(tag, LANGUAGES)


def _is_tail(tag: str, better: list[str]) -> bool:
    """Whether a range is only the end of one we do not have.

    Browsers write "zh-TW, zh;q=0.9, en;q=0.8" for who asked for "zh-TW" alone. That `zh` is no wish for zh-CN.
    """
    return any(one.lower().startswith(f"{tag.lower()}-") and _language(one) is None for one in better)


def _rules_out(unwanted: str, language: str, wanted: str) -> bool:
    """Whether a range with weight 0 means `language`, and means it more exactly than the range that wants it."""
    if unwanted == "*":
        return wanted == "*"
    return _language(unwanted) == language and (wanted == "*" or unwanted.count("-") > wanted.count("-"))
