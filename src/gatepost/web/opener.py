"""Who seems to have opened a link: a person in a browser, or a program that looks at mail. A guess, and pure.

Programs that check links for malware often are browsers, and then look like people. Nothing is decided by it.
"""

import re
from collections.abc import Mapping

from gatepost.accounts.link_opens import Opener

# Said by browsers that fetch a page nobody asked for yet; by some of them in the older fields.
_AHEAD_FIELDS = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_AHEAD = ("prefetch", "prerender", "preview")
# CUBOT makes telephones.
_PROGRAM = re.compile(
    r"(?<!cu)bot\b|crawl|spider|preview|scanner|monitor|headless|phantomjs"
    r"|^curl/|^wget/|^python|^java/|^go-http|^okhttp|^libwww|^ruby|^axios|^node|httpclient|winhttp"
    r"|facebookexternalhit|whatsapp|slack|skypeuri|imageproxy|mailproxy|ms-office|microsoft office"
    r"|barracuda|proofpoint|mimecast|symantec|messagelabs|trend ?micro|fortinet|sophos|forcepoint|cloudmark|safelinks"
)


def opener_of(method: str, headers: Mapping[str, str]) -> Opener:
    """Guess from the request who opened a link.

    A person's browser loads the page as one that is gone to (Fetch Metadata, which every browser since 2023 sends over
    HTTPS), names the languages it wants, and does not call itself a program.

    Args:
        method: of the request.
        headers: its header fields; names in any case, as Starlette has them.
    """
    if method != "GET" or headers.get("sec-fetch-mode") != "navigate":
        return Opener.SCANNER
    if any(word in headers.get(name, "").lower() for name in _AHEAD_FIELDS for word in _AHEAD):
        return Opener.SCANNER
    agent = headers.get("user-agent", "").strip().lower()
    if not agent or not headers.get("accept-language", "").strip() or _PROGRAM.search(agent):
        return Opener.SCANNER
    return Opener.PERSON
