"""One message in one language: three files, checked, laid out, inlined and compiled once, filled for every mail.

What people typed is only ever a value, never a template.
"""

import functools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import SandboxedEnvironment

from gatepost.accent import Accent
from gatepost.errors import TemplateError
from gatepost.mail.layout import CONTENT, Layouts, coloured, inlined, lay_out, lay_out_text, read, read_layout
from gatepost.mail.quoted import compile_quoted, quoted
from gatepost.mail.values import FILTERS

# What the templates of every message may use; `link` has a value only in messages with a token, `unsubscribe_url` is
# empty in those its recipient cannot unsubscribe from.
UNSUBSCRIBE = "unsubscribe_url"
COMMON = frozenset(
    {"name", "email", "when", "where", "until", "new_address", "product_name", "public_url", "reset_url", UNSUBSCRIBE}
)
LINK = "link"

_FILES = ("subject.txt", "body.txt", "body.html")

# A value that is the start of where something leads. The inliner has put all attributes into double quotes.
_LEADS = re.compile(r"\s(?:href|src|action|background)=\"\{\{-?\s*(\w+)")


@dataclass(frozen=True)
class Rendered:
    """One message as a person reads it.

    Args:
        subject: one line.
        text: the plain text.
        html: the page.
        language: the language that was chosen.
    """

    subject: str
    text: str = field(repr=False)  # with the link
    html: str = field(repr=False)
    language: str


@dataclass(frozen=True)
class Encoded:
    """The same as it goes into a message: text and page in quoted-printable, each of whole lines with CRLF."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


@dataclass(frozen=True)
class _File:
    """One compiled file, the values it uses, and those it asks for before it uses them."""

    path: Path
    source: str
    compiled: jinja2.Template
    uses: frozenset[str]
    asks_for: frozenset[str]

    @functools.cached_property  # not every file goes into a body, and few products write in every language there is
    def _quoted(self) -> jinja2.Template | None:
        return compile_quoted(self.compiled.environment, self.source)

    def fill(self, values: Mapping[str, str]) -> str:
        return self._filled(self.compiled, values)

    def fill_quoted(self, values: Mapping[str, str]) -> str:
        if self._quoted is None:
            return quoted(self.fill(values).strip() + "\n")
        return self._filled(self._quoted, values)

    def _filled(self, compiled: jinja2.Template, values: Mapping[str, str]) -> str:
        try:
            return compiled.render(values)
        except Exception as error:  # whatever a template raises is the template's fault, and one kind of error
            raise TemplateError(f"{self.path} cannot be filled: {error}.") from error


@dataclass(frozen=True)
class Template:
    """One message in one language.

    Args:
        language: its tag, as its folder is named.
        subject: what becomes the subject.
        text: what becomes the plain text.
        html: what becomes the page.
        leads: values that are where a link of the page leads.
    """

    language: str
    subject: _File
    text: _File
    html: _File
    leads: frozenset[str]

    @property
    def uses(self) -> frozenset[str]:
        """The values its files use."""
        return self.subject.uses | self.text.uses | self.html.uses

    @property
    def asks_for(self) -> frozenset[str]:
        """Those of them that stand in a condition, as in `{% if name %}`: it expects them to be empty at times."""
        return self.subject.asks_for | self.text.asks_for | self.html.asks_for

    def render(self, values: Mapping[str, str]) -> Rendered:
        """Fill it.

        Raises:
            TemplateError: it uses a value that is not given, or cannot be filled for another reason.
        """
        return Rendered(self._subject(values), self.text.fill(values), self.html.fill(values), self.language)

    def encode(self, values: Mapping[str, str]) -> Encoded:
        """Fill it for a message; raises as `render` does."""
        return Encoded(self._subject(values), self.text.fill_quoted(values), self.html.fill_quoted(values))

    def _subject(self, values: Mapping[str, str]) -> str:
        return " ".join(self.subject.fill(values).split())


def read_layouts(folder: Path, accent: Accent, instead_of: Layouts | None = None) -> Layouts:
    """Read layout.txt and layout.html, in the colours of `accent`.

    Where `instead_of` is given, what is not there is taken from it.

    Raises:
        TemplateError: a layout is missing, has no place for the content, or uses a value that not every message has.
    """
    text, html = folder / "layout.txt", folder / "layout.html"
    if instead_of is not None and not text.exists():
        read_text = instead_of.text
    else:
        read_text = read_layout(text)
        _compile(_PLAIN, read_text, text, COMMON)
    if instead_of is not None and not html.exists():
        return Layouts(read_text, instead_of.html)
    read_html = coloured(read_layout(html), accent)
    _compile(_ESCAPING, inlined(read_html.replace(CONTENT, "<p>1</p>"), html), html, COMMON)
    return Layouts(read_text, read_html)


def load_template(folder: Path, layouts: Layouts, known: Collection[str] | None) -> Template:
    """Load one message in the language that `folder` is named for.

    Args:
        folder: holds subject.txt, body.txt and body.html.
        layouts: what stands around it.
        known: the values it may use; None for any.

    Raises:
        TemplateError: a file is missing, does not compile, uses a value that is not known, or cannot be filled.
    """
    subject, text, html = files = [folder / name for name in _FILES]
    for file in files:
        if not file.is_file():
            raise TemplateError(f"{file} is missing: every language of a message has {', '.join(_FILES)}.")
        _check_syntax(file)  # alone, before a layout moves its lines and the inliner its tags
    page = lay_out(layouts.html, html, folder.name)
    template = Template(
        language=folder.name,
        subject=_compile(_PLAIN, read(subject), subject, known),
        text=_compile(_PLAIN, lay_out_text(layouts.text, text, folder.name), text, known),
        html=_compile(_ESCAPING, page, html, known),
        leads=frozenset(_LEADS.findall(page)),
    )
    # A filter that does not fit, or a part that is out of bounds in the sandbox, shows only when it is filled.
    if not template.render(dict.fromkeys(template.uses, "1")).subject:
        raise TemplateError(f"{subject} is empty: say in one line what the mail is about.")
    return template


def _environment(*, autoescape: bool) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        autoescape=autoescape, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.clear()  # a value called `range` or `dict` is a value like any other
    environment.filters |= FILTERS
    return environment


_PLAIN = _environment(autoescape=False)
_ESCAPING = _environment(autoescape=True)


def _compile(environment: SandboxedEnvironment, source: str, file: Path, known: Collection[str] | None) -> _File:
    try:
        parsed = environment.parse(source)
        uses = frozenset(meta.find_undeclared_variables(parsed))
        unknown = uses.difference(known) if known is not None else frozenset()
        if unknown:
            raise TemplateError(
                f"{file} uses {', '.join(sorted(unknown))}, which has no value there."
                f" There are: {', '.join(sorted(known or ()))}."
            )
        if list(meta.find_referenced_templates(parsed)):
            raise TemplateError(f"{file} includes another file. Only the layout stands around a message: say it here.")
        compiled = environment.from_string(source)
        compiled.globals = dict(compiled.globals)  # a ChainMap otherwise, and rendering walks through it every time
        return _File(file, source, compiled, uses, _conditions(parsed))
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{file} does not compile: {error.message} (line {error.lineno}).") from error


def _check_syntax(file: Path) -> None:
    try:
        _PLAIN.parse(read(file))
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{file} does not compile: {error.message} (line {error.lineno}).") from error


def _conditions(parsed: nodes.Template) -> frozenset[str]:
    """The values that decide what comes out, also where only whether they are defined is asked."""
    tests = [one.test for one in parsed.find_all(nodes.If)] + [one.test for one in parsed.find_all(nodes.CondExpr)]
    names = [name for test in tests for name in test.find_all(nodes.Name)]
    return frozenset(one.name for one in (*tests, *names) if isinstance(one, nodes.Name))
