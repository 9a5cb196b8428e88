"""Where a person goes after signing in. Pure: whatever a stranger puts into a link, it leads to nobody else's site."""

import re
from urllib.parse import unquote, urlsplit

from gatepost.settings import Settings

DEFAULT_PAGE = "/account"
MAX_CHARACTERS = 2048
# A text that still changes after so many rounds was written to be read differently by different readers.
_MAX_DECODINGS = 4
# A backslash, a control character, or bytes that are no UTF-8.
_UNSAFE = re.compile(r"[\\\x00-\x1f\x7f-\x9f\ufffd]")
# As strict as browsers are lenient: the scheme in lower case, both slashes, no user name.
_ABSOLUTE = re.compile(r"(?P<origin>https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)(?P<path>(?:/.*)?)")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def safe_next(text: str | None, settings: Settings) -> str:
    """Choose the page to go to: `text` where it leads to this site or one of RETURN_ORIGINS, else /account.

    A path begins with one slash and has no second one beside another, no backslash and no control character, raw or
    percent-encoded however often; browsers take some of these for the begin of another site's address.

    Args:
        text: a path of this site or an absolute URL, as a link or a form brought it; at most 2,048 characters.
        settings: PUBLIC_URL and RETURN_ORIGINS.
    """
    if not text or len(text) > MAX_CHARACTERS or not _is_visible_ascii(text):
        return DEFAULT_PAGE
    if text.startswith("/"):
        return text if _is_safe_path(text) else DEFAULT_PAGE
    match = _ABSOLUTE.fullmatch(text)
    if match is None or (match["path"] and not _is_safe_path(match["path"])):
        return DEFAULT_PAGE
    return text if _origin(match["origin"]) in allowed_origins(settings) else DEFAULT_PAGE


def allowed_origins(settings: Settings) -> tuple[str, ...]:
    """The origins of RETURN_ORIGINS and of PUBLIC_URL, each written in one way: in lower case, without a usual port."""
    found = (_origin(url) for url in (settings.public_url, *settings.return_origins))
    return tuple(dict.fromkeys(origin for origin in found if origin is not None))


def _is_visible_ascii(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)


def _is_safe_path(text: str) -> bool:
    """Whether a text that follows an origin stays within it for every reader, however often that one decodes it."""
    whole, path = _decoded(text), _decoded(re.split(r"[?#]", text, maxsplit=1)[0])
    return whole is not None and path is not None and "//" not in path and not _UNSAFE.search(whole)


def _decoded(text: str) -> str | None:
    """Decode until nothing is left to decode; None when there is no end to it. What decoding shows it never hides."""
    for _ in range(_MAX_DECODINGS):
        decoded = unquote(text, errors="replace")
        if decoded == text:
            return text
        text = decoded
    return None


def _origin(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = port is None or port == _DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{host}" + ("" if usual else f":{port}")
