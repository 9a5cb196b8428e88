"""Rules about a message's page: its elements, its links, its preheader, and how well it can be read."""

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from gatepost.accent import MIN_TEXT_CONTRAST
from gatepost.errors import N_
from gatepost.mail.linter.contrast import Faint, Unreadable, faint_texts
from gatepost.mail.linter.finding import MESSAGE, PAGE, TEXT, Findings, error, warning
from gatepost.mail.linter.page import Element
from gatepost.mail.preview import Preview
from gatepost.mail.samples import MARK

# What mail programs take out, or distrust a mail for.
_FORBIDDEN = frozenset(
    [
        *("script", "form", "input", "button", "select", "textarea", "iframe", "frame", "object", "embed", "base"),
        *("link", "audio", "video", "svg", "math", "applet", "noscript"),
    ]
)
_WEB_ADDRESS = re.compile(r"https?://[^\s<>\"，。；：！？、（）「」]+")
_ENDS_A_SENTENCE = ".,;:!?)'"
_LOADS = re.compile(r"@import|url\(\s*['\"]?\s*(?:https?:)?//", re.IGNORECASE)
_PICTURES = {"src", "background", "poster", "srcset"}
_SAYS_ADDRESS = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


def check_elements(shown: Preview) -> Findings:
    """Nothing that programs take out, nothing that a value has made, nothing that is loaded from elsewhere."""
    if any(MARK in one.attributes for one in shown.page.elements):
        yield error(
            "value_as_markup",
            PAGE,
            N_("A value becomes markup: whoever types it decides what the mail shows. Take |safe away from behind it."),
        )
    for tag in sorted({what for one in shown.page.elements for what in _forbidden(one)}):
        yield error(
            "element",
            PAGE,
            N_("Mail programs take %(what)s out or distrust the whole mail. Use a link that leads to a page of yours."),
            what=tag,
        )
    if any(map(_loads, shown.page.elements)) or _LOADS.search(shown.html):
        yield warning(
            "remote",
            PAGE,
            N_(
                "The page loads something from elsewhere: many programs do not show it, and it tells a server who reads"
                " the mail and when. Do without it."
            ),
        )
    if any(one.tag == "img" and "alt" not in one.attributes for one in shown.page.elements):
        yield warning(
            "alt", PAGE, N_('A picture has no alt text. Say in alt="…" what it shows; alt="" where it only decorates.')
        )


def check_head(shown: Preview, language: str) -> Findings:
    """The page says its language and its title, and has a line beside the subject."""
    spoken = next((one.attributes.get("lang", "") for one in shown.page.elements if one.tag == "html"), "")
    if spoken.lower() != language.lower():
        yield warning(
            "language",
            PAGE,
            N_('The page does not say its language. Write <html lang="{# language #}"> in layout.html.'),
        )
    if not shown.page.title.strip():
        yield warning(
            "title", PAGE, N_("The page has no title. Write <title>{{ product_name }}</title> in layout.html.")
        )
    if not shown.preheader:
        yield warning(
            "preheader",
            PAGE,
            N_(
                "Nothing stands beside the subject in a list of mails. Say something in the preheader, and print it in"
                " layout.html first, in an element that is not displayed."
            ),
        )
    elif shown.preheader == shown.subject:
        yield warning("preheader", PAGE, N_("The preheader repeats the subject. Say what the subject leaves out."))


def check_links(shown: Preview, public_url: str) -> Findings:
    """Every link is absolute, safe, the same in both parts, and leads where it says."""
    in_page = {link.address for link in shown.page.links}
    for address in sorted(in_page):
        yield from _check_address(address, public_url)
    in_text = {_whole(address, in_page) for address in _WEB_ADDRESS.findall(shown.text)}
    for address in sorted(one for one in in_page if _is_web(one)):
        if _plain(address) not in map(_plain, in_text):
            yield error(
                "link_missing",
                TEXT,
                N_("The page leads to %(address)s, and the plain text does not. Write it there on a line of its own."),
                address=_shortened(address),
            )
    for address in sorted(in_text):
        if _plain(address) not in map(_plain, in_page):
            yield error(
                "link_missing",
                PAGE,
                N_("The plain text leads to %(address)s, and the page does not. Make a link to it there."),
                address=_shortened(address),
            )
    if (unsubscribe := shown.sample.unsubscribe_url) and unsubscribe not in in_page | in_text:
        yield warning(
            "unsubscribe",
            MESSAGE,
            N_(
                "The mail does not show where its reader unsubscribes. Write {{ unsubscribe_url }} in layout.html and"
                " layout.txt, as ours do."
            ),
        )
    for link in shown.page.links:
        if _SAYS_ADDRESS.fullmatch(link.text) and _spoken(link.text) != _spoken(link.address):
            yield warning(
                "link_says_other",
                PAGE,
                N_("A link says %(said)s and leads elsewhere, as in a fraud. Let it say where it leads, or use words."),
                said=_shortened(link.text),
            )


def check_contrast(pages: Sequence[str]) -> Findings:
    """Each text of one message can be read on its ground, in light and in dark programs; each pair of colours once."""
    told: dict[object, Faint | Unreadable] = {}
    for found in (found for page in pages for found in faint_texts(page)):
        told.setdefault((found.scheme, found.ink, found.ground) if isinstance(found, Faint) else found, found)
    for found in told.values():
        if not isinstance(found, Faint):
            yield warning(
                "colour",
                PAGE,
                N_("The colour %(colour)s is not understood here. Write it as #rrggbb, so that its contrast is known."),
                colour=found.value[:60],
            )
            continue
        yield error(
            "contrast",
            PAGE,
            N_("“%(said)s” is %(ink)s on %(ground)s in a dark program: contrast %(found)s, and %(least)s is needed.")
            if found.scheme == "dark"
            else N_(
                "“%(said)s” is %(ink)s on %(ground)s in a light program: contrast %(found)s, and %(least)s is needed."
            ),
            said=found.text,
            ink=found.ink,
            ground=found.ground,
            found=f"{int(found.contrast * 100) / 100:.2f}",
            least=str(MIN_TEXT_CONTRAST),
        )


def _check_address(address: str, public_url: str) -> Findings:
    scheme = urlsplit(address).scheme.lower() if "://" in address or address.startswith(("mailto:", "tel:")) else ""
    if not scheme:
        yield error(
            "link_relative",
            PAGE,
            N_("A link leads to “%(address)s”, which is nowhere in a mail. Give the whole address, with https://."),
            address=_shortened(address),
        )
    elif scheme not in ("https", "mailto", "tel") and not address.startswith(public_url):
        yield error(
            "link_insecure",
            PAGE,
            N_("A link leads to %(address)s. Others on the way can read and change that: use https://."),
            address=_shortened(address),
        )


def _forbidden(element: Element) -> Iterator[str]:
    if element.tag in _FORBIDDEN:
        yield f"<{element.tag}>"
    yield from (name for name in element.attributes if name.startswith("on"))
    if any(value.strip().lower().startswith("javascript:") for value in element.attributes.values()):
        yield "javascript:"


def _loads(element: Element) -> bool:
    return any(
        value.strip().lower().startswith(("http:", "https:", "//"))
        for name, value in element.attributes.items()
        if name in _PICTURES
    )


def _is_web(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))


def _whole(address: str, known: set[str]) -> str:
    """An address as it stands in a text, without the mark that ends the sentence behind it."""
    return address if address in known else address.rstrip(_ENDS_A_SENTENCE)


def _plain(address: str) -> str:
    return address.rstrip("/")


def _spoken(address: str) -> str:
    return re.sub(r"\Ahttps?://", "", address.lower()).removeprefix("www.").rstrip("/")


def _shortened(address: str) -> str:
    return address if len(address) <= 60 else address[:59] + "…"
