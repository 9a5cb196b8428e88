"""Light and dark: a mail's page as a program shows it in one scheme, whatever the reader's own is. Pure."""

import re
from collections.abc import Iterator

import css_inline

SCHEMES = ("light", "dark")

# What media queries become that ask for the scheme: one that is always true, and one that never is.
_YES, _NO = "(min-width: 0px)", "(max-width: 0px)"

_ASKED = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(\w+)\s*\)", re.IGNORECASE)
_SUPPORTED = re.compile(r"(?<![-\w])(color-scheme\s*:\s*)(?:light\s+dark|dark\s+light)", re.IGNORECASE)
_SUPPORTED_META = re.compile(
    r"(<meta\s+name=\"(?:supported-)?color-schemes?\"\s+content=\")(?:light\s+dark|dark\s+light)(?=\")", re.IGNORECASE
)
_STYLE = re.compile(r"<style[^>]*>(.*?)</style>", re.IGNORECASE | re.DOTALL)
_ALWAYS = re.compile(rf"{re.escape(_YES)}|\b(?:only|screen|all|and)\b", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def in_scheme(page: str, scheme: str) -> str:
    """Answer what the styles of `page` ask about the scheme, so that it looks the same everywhere.

    Args:
        page: a mail's page.
        scheme: one of SCHEMES.
    """
    answered = _ASKED.sub(lambda asked: _YES if asked[1].lower() == scheme else _NO, page)
    return _SUPPORTED_META.sub(rf"\g<1>{scheme}", _SUPPORTED.sub(rf"\g<1>{scheme}", answered))


def supports_dark(page: str) -> bool:
    """Whether a page tells programs that it has a dark look of its own."""
    return bool(_SUPPORTED.search(page) or _SUPPORTED_META.search(page))


def has_two_looks(page: str) -> bool:
    """Whether a page looks otherwise in a dark program than in a light one."""
    return supports_dark(page) or _ASKED.search(page) is not None


def styled(page: str, scheme: str) -> str:
    """Put into the elements of `page` what its style sheets give them in `scheme` on a wide screen.

    What asks for anything else, such as the width, is left out.
    """
    sheet = "\n".join(_COMMENT.sub("", found) for found in _STYLE.findall(in_scheme(page, scheme)))
    inliner = css_inline.CSSInliner(
        inline_style_tags=False,
        load_remote_stylesheets=False,
        resolve_css_variables=True,
        extra_css="\n".join(_in_force(sheet)),
    )
    return inliner.inline(page)


def _in_force(sheet: str) -> Iterator[str]:
    """Yield the rules of a style sheet that hold without a condition, or under one that is always true."""
    for prelude, body in _rules(sheet):
        if not prelude.startswith("@"):
            yield f"{prelude}{{{body}}}"
        elif prelude.lower().startswith("@media") and _holds(prelude[len("@media") :]):
            yield from _in_force(body)


def _holds(query: str) -> bool:
    """Whether one of the alternatives of a media query asks for nothing but a screen."""
    return any(not _ALWAYS.sub("", one).strip() for one in query.split(","))


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before and in the outermost braces, in turn."""
    depth, start, opened = 0, 0, 0
    for place, character in enumerate(sheet):
        if character == "{":
            depth += 1
            if depth == 1:
                opened = place
        elif character == "}" and depth:
            depth -= 1
            if not depth:
                yield sheet[start:opened].rpartition(";")[2].strip(), sheet[opened + 1 : place]
                start = place + 1
