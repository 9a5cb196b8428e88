"""The last line against secrets in logs. Events hold none; what libraries and servers write is not ours to trust."""

import re

_KEPT = 2_000  # characters of one text

# Every repetition is bounded: work must not grow with the square of what a server sends.
# token=…, "password": "…", api_key: …; the value ends at a space, a quote or a separator.
_NAMED = re.compile(
    r"(?P<name>[\w-]{0,40}(?:token|secret|passw(?:or)?d|passphrase|api[_-]?key|cookie|csrf)[\w-]{0,40})"
    r"(?P<is>[\"']?\s*(?:=|:|%3D)\s*[\"']?)(?P<value>[^\s\"'&;,<>]+)",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(r"(?P<name>authorization[\"']?\s*[:=]\s*[\"']?)[^\"'\r\n]+", re.IGNORECASE)
_SCHEME = re.compile(r"\b(?P<scheme>bearer|basic|auth (?:plain|login|cram-md5))\s+[\w+/=.~-]{8,}", re.IGNORECASE)
_LOGIN = re.compile(r"://[^/\s@]+@")
_ADDRESS = re.compile(
    r"(?P<first>[\w.+!#$%&'=?^`{|}~-])[\w.+!#$%&'*=?^`{|}~-]{0,64}@(?P<domain>[\w-]{1,64}(?:\.[\w-]{1,64})+)"
)


def redact(text: str, kept: int = _KEPT) -> str:
    """Mask what looks like a secret or an address, and cut the text to `kept` characters.

    An address that is masked already stays as it is: a***@example.com.
    """
    if len(text) > kept:
        text = text[:kept] + "…"
    # The cheap questions first: most texts are ids and single words, and a line must cost little.
    if "=" in text or ":" in text or "%3" in text:
        text = _AUTHORIZATION.sub(r"\g<name>***", text)
        text = _NAMED.sub(r"\g<name>\g<is>***", text)
    if " " in text:
        text = _SCHEME.sub(r"\g<scheme> ***", text)
    if "@" in text:
        text = _ADDRESS.sub(r"\g<first>***@\g<domain>", _LOGIN.sub("://***@", text))
    return text
