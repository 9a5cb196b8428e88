"""A mail's page as its elements, its links and the words one reads: for whoever looks at what a template has become."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser

# Elements that have no end.
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
)
_DECLARATION = re.compile(r"([\w-]+)\s*:\s*((?:[^;(]|\([^)]*\))+)")
# What fills up a preheader so that nothing of the body stands behind it.
_FILLING = re.compile("[\\s\u00a0\u00ad\u034f\u061c\u2000-\u200f\u2028-\u202f\u2060-\u206f\u3000\ufeff]+")


@dataclass(frozen=True)
class Element:
    """One element.

    Args:
        tag: its name in lower case.
        attributes: by their names in lower case; those without a value are empty.
        style: its own declarations by property; of two the one that counts.
        hidden: nobody sees it: by its own style, or because it stands in one that is hidden.
    """

    tag: str
    attributes: Mapping[str, str]
    style: Mapping[str, str] = field(repr=False)
    hidden: bool


@dataclass(frozen=True)
class Link:
    """Where a link leads, and what it says; both may hold a token."""

    address: str = field(repr=False)
    text: str = field(repr=False)


class Page(HTMLParser):
    """One page.

    Attributes:
        elements: all of them, in order.
        texts: every piece of text with the elements it stands in, the innermost last.
        title: what stands in `<title>`.
    """

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.texts: list[tuple[tuple[Element, ...], str]] = []
        self.title = ""
        self._open: list[Element] = []
        self.feed(page)
        self.close()

    @property
    def links(self) -> list[Link]:
        """Every link, with all the text in it."""
        said: dict[int, str] = {id(one): "" for one in self.elements if one.tag == "a" and "href" in one.attributes}
        for around, text in self.texts:
            for element in around:
                if id(element) in said:
                    said[id(element)] += text
        return [
            Link(one.attributes["href"].strip(), " ".join(said[id(one)].split()))
            for one in self.elements
            if id(one) in said
        ]

    @property
    def preheader(self) -> str:
        """The hidden text before the first that is seen: what stands beside the subject in a list of mails."""
        return " ".join(_FILLING.sub(" ", "".join(self._hidden_first())).split())

    def _hidden_first(self) -> Iterator[str]:
        for around, text in self.texts:
            if not around[-1].hidden and text.strip():
                return
            if around[-1].hidden:
                yield text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in reversed(attrs)}
        style = declarations(attributes.get("style", ""))
        within = bool(self._open) and self._open[-1].hidden
        element = Element(tag, attributes, style, within or "hidden" in attributes or _hides(style))
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if any(one.tag == tag for one in self._open):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1].tag in ("style", "script"):
            return
        if self._open[-1].tag == "title":
            self.title += data
        elif self._open[-1].tag != "head":
            self.texts.append((tuple(self._open), data))


def declarations(style: str) -> Mapping[str, str]:
    """Read a style attribute; `background` and `background-color` are one property, the ground."""
    found: dict[str, str] = {}
    urgent: set[str] = set()
    for name, value in _DECLARATION.findall(style):
        name = "background" if name.lower() == "background-color" else name.lower()
        plain, important, _ = value.partition("!important")
        if important:
            urgent.add(name)
        if important or name not in urgent:
            found[name] = plain.strip()
    return found


def _hides(style: Mapping[str, str]) -> bool:
    return (
        style.get("display") == "none"
        or style.get("visibility") == "hidden"
        or style.get("opacity") == "0"
        or style.get("mso-hide") == "all"
    )
