"""The catalogues of the pages and problems: extracted from the code, merged, compiled. `./run languages` does it.

Babel is needed for this alone; the package reads the compiled catalogues with the standard library.
"""

import functools
import io
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from gatepost.web.catalogue import DOMAIN, LOCALE_FOLDER
from gatepost.web.languages import DEFAULT_LANGUAGE, LANGUAGES

PACKAGE = Path(__file__).parents[2] / "src" / "gatepost"
TRANSLATED = [language for language in LANGUAGES if language != DEFAULT_LANGUAGE]

_METHODS = [("**.py", "python"), ("web/html/*.html", "jinja2")]
_OPTIONS = {"web/html/*.html": {"trimmed": "true", "silent": "false"}}
_KEYWORDS = {"N_": None, "_": None, "gettext": None}
_WIDTH = 120


class Kept(Catalog):
    """A catalogue without dates, tools and people in its header: the same texts are the same file, on every machine."""

    def __init__(self, language: str) -> None:
        self.name = _locale(language)
        super().__init__(self.name, header_comment=f"# Gatepost: pages and problems in {language}", fuzzy=False)

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        """What gettext needs to know to read the rest."""
        return [
            ("Language", self.name),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]


def folder(language: str) -> Path:
    """Where the catalogue of a language is."""
    return LOCALE_FOLDER / _locale(language) / "LC_MESSAGES"


@functools.cache
def extracted() -> Catalog:
    """Every text that is marked in the code and the templates of the package, with the files it stands in."""
    found = Catalog()
    texts = extract_from_dir(PACKAGE, _METHODS, _OPTIONS, _KEYWORDS)
    for file, line, text, _, _ in sorted(texts, key=lambda one: one[:2]):
        found.add(text, locations=[(f"src/gatepost/{file}", line)])
    return found


def written(language: str) -> Catalog:
    """The catalogue of a language as it is kept; an empty one for a new language."""
    file = folder(language) / f"{DOMAIN}.po"
    if not file.exists():
        return Catalog()
    with file.open("rb") as opened:
        return read_po(opened, charset="utf-8")


def merged(language: str) -> Kept:
    """The texts there are now, with the translations that are written. No text takes over one that looks alike."""
    old, new = written(language), Kept(language)
    for message in extracted():
        if message.id:
            kept = old.get(message.id)
            new.add(
                message.id,
                kept.string if kept else "",
                message.locations,
                message.flags,
                user_comments=kept.user_comments if kept else (),
            )
    return new


def as_po(catalogue: Catalog) -> bytes:
    """The catalogue as people edit it."""
    buffer = io.BytesIO()
    write_po(buffer, catalogue, _WIDTH, include_lineno=False)
    return buffer.getvalue()


def as_mo(catalogue: Catalog) -> bytes:
    """The catalogue as the standard library reads it."""
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def refresh(language: str) -> list[str]:
    """Take new texts in, drop those that are gone, compile; returns the texts that wait for a translation."""
    catalogue = merged(language)
    folder(language).mkdir(parents=True, exist_ok=True)
    (folder(language) / f"{DOMAIN}.po").write_bytes(as_po(catalogue))
    (folder(language) / f"{DOMAIN}.mo").write_bytes(as_mo(catalogue))
    return [str(message.id) for message in catalogue if message.id and not message.string]


def _locale(language: str) -> str:
    return language.replace("-", "_")
