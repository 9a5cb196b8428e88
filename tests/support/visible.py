"""What a person sees of a page, or hears from it."""

from html.parser import HTMLParser

_HEARD = frozenset({"alt", "title", "aria-label", "placeholder"})
_SILENT = frozenset({"script", "style"})


class Visible(HTMLParser):
    """The words of a page: its text, its title and what a screen reader says.

    Args:
        page: the HTML.
        language: words that an element marks as being in another language are left out; None leaves nothing out.
    """

    def __init__(self, page: str, language: str | None = None) -> None:
        super().__init__()
        self.words: list[str] = []
        self._language = language
        self._open: list[bool] = []  # of each open element: whether its words count
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        foreign = self._language is not None and attributes.get("lang") not in (None, self._language) and tag != "html"
        counts = all(self._open[-1:]) and tag not in _SILENT and not foreign
        if counts:
            self.words += [value for name, value in attrs if name in _HEARD and value]
            if attributes.get("type") in ("submit", "button"):
                self.words += filter(None, [attributes.get("value")])
        if tag not in ("meta", "link", "input", "br", "img", "hr", "base"):
            self._open.append(counts)

    def handle_endtag(self, tag: str) -> None:
        if self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if all(self._open[-1:]) and data.strip():
            self.words.append(" ".join(data.split()))
