"""Templates: what each message says in each language. Compiled, checked and inlined once, when they are loaded.

A folder of templates holds layout.html, layout.txt and, for each message and language,
`<message>/<language>/{subject.txt,body.txt,body.html}`. What people typed is only ever a value, never a template.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import css_inline
import jinja2
from jinja2 import meta
from jinja2.sandbox import SandboxedEnvironment

from gatepost.errors import TemplateError

PACKAGED = Path(__file__).resolve().parents[1] / "templates"
FALLBACK_LANGUAGE = "en"

# Every placeholder a template may use. `link` only has a value in messages that carry one.
VALUES = frozenset({"name", "email", "link", "when", "product_name", "public_url", "reset_url"})

# Marks of the layout that are filled when a template is loaded; to Jinja they are comments.
_LANGUAGE, _PREHEADER, _CONTENT = "{# language #}", "{# preheader #}", "{# content #}"

_PREHEADER_COMMENT = re.compile(r"\A\s*<!--\s*preheader:\s*(.+?)\s*-->", re.DOTALL)
# What Jinja reads, and the elements around it, except those the HTML parser adds by itself or the inliner takes out.
_SKELETON = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|<(?!html|head|body|tbody|style)[a-z][a-z0-9]*", re.DOTALL)

# Media queries cannot be inlined, so their <style data-css-inline="keep"> stays. Nothing is ever fetched.
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False, resolve_css_variables=True)


@dataclass(frozen=True)
class Rendered:
    """One message as a person reads it.

    Args:
        subject: one line.
        text: the plain text.
        html_start: whole lines of the HTML that are the same in every message of this template: one object, so that
            what is made of it can be kept.
        html_rest: the HTML from there on.
        language: the language that was chosen.
    """

    subject: str
    text: str
    html_start: str
    html_rest: str
    language: str

    @property
    def html(self) -> str:
        """The whole page."""
        return self.html_start + self.html_rest


@dataclass(frozen=True)
class _Template:
    folder: Path
    language: str
    subject: jinja2.Template
    text: jinja2.Template
    html_start: str
    html_rest: jinja2.Template


class Templates:
    """All templates of one folder, ready to render.

    Args:
        folder: where they are; the ones in the package unless told.

    Raises:
        TemplateError: a file is missing, does not compile, or uses a value that no message has; names the file.
    """

    def __init__(self, folder: Path = PACKAGED) -> None:
        self._plain = _environment(autoescape=False)
        self._escaping = _environment(autoescape=True)
        self._layouts = (_read(folder / "layout.txt"), _read(folder / "layout.html"))
        self._by_name = {path.name: self._load_message(path) for path in _folders(folder)}
        if not self._by_name:
            raise TemplateError(f"{folder} holds no templates: one folder for each message is expected.")

    @property
    def names(self) -> tuple[str, ...]:
        """The messages there are, in alphabetical order."""
        return tuple(self._by_name)

    def languages(self, name: str) -> tuple[str, ...]:
        """The languages message `name` is written in, in alphabetical order."""
        return tuple(template.language for template in self._message(name).values())

    def render(self, name: str, locale: str, values: Mapping[str, str]) -> Rendered:
        """Fill the templates of message `name` in the nearest language: `locale`, else its language, else English.

        Raises:
            TemplateError: there is no such message, or a template uses a value that is not given.
        """
        template = _nearest(self._message(name), locale)
        return Rendered(
            subject=" ".join(_fill(template.subject, template.folder / "subject.txt", values).split()),
            text=_fill(template.text, template.folder / "body.txt", values),
            html_start=template.html_start,
            html_rest=_fill(template.html_rest, template.folder / "body.html", values),
            language=template.language,
        )

    def _message(self, name: str) -> dict[str, _Template]:
        try:
            return self._by_name[name]
        except KeyError:
            raise TemplateError(f"There is no template {name!r}. There are: {', '.join(self.names)}.") from None

    def _load_message(self, folder: Path) -> dict[str, _Template]:
        languages = {path.name.lower(): self._load(path) for path in _folders(folder)}
        if FALLBACK_LANGUAGE not in languages:
            raise TemplateError(f"{folder / FALLBACK_LANGUAGE} is missing: every message needs its English templates.")
        return languages

    def _load(self, folder: Path) -> _Template:
        text_layout, html_layout = self._layouts
        text = text_layout.replace(_CONTENT, _read(folder / "body.txt").strip())
        html = _lay_out(html_layout, folder / "body.html", folder.name)
        start = _fixed_length(html)
        return _Template(
            folder=folder,
            language=folder.name,
            subject=_compile(self._plain, _read(folder / "subject.txt"), folder / "subject.txt"),
            text=_compile(self._plain, text, folder / "body.txt"),
            html_start=html[:start],
            html_rest=_compile(self._escaping, html[start:], folder / "body.html"),
        )


def _environment(*, autoescape: bool) -> SandboxedEnvironment:
    return SandboxedEnvironment(
        autoescape=autoescape, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"{file} cannot be read: {error}.") from error


def _lay_out(layout: str, file: Path, language: str) -> str:
    """Put the body into the layout and the layout's CSS into its elements."""
    body = _read(file)
    preheader = _PREHEADER_COMMENT.match(body)
    if preheader is None:
        raise TemplateError(f"{file} must begin with <!-- preheader: the line shown beside the subject -->.")
    page = (
        layout.replace(_LANGUAGE, language)
        .replace(_PREHEADER, preheader[1])
        .replace(_CONTENT, body[preheader.end() :].strip())
    )
    inlined = _INLINER.inline(page)
    if _SKELETON.findall(inlined) != _SKELETON.findall(page):
        # The HTML parser moves text that stands directly in a table, and rewrites quotes in attributes.
        raise TemplateError(
            f"{file}: inlining the CSS changed a placeholder. Put tags of Jinja inside of the text of an element,"
            " never directly in a table or a row, and use no quotes, < or & in them."
        )
    return inlined


def _fixed_length(page: str) -> int:
    """Count the characters before the first line in which Jinja has something to do."""
    first = re.search(r"\{[{%#]", page)
    return page.rfind("\n", 0, first.start()) + 1 if first else 0


def _compile(environment: SandboxedEnvironment, source: str, file: Path) -> jinja2.Template:
    try:
        unknown = meta.find_undeclared_variables(environment.parse(source)) - VALUES
        if unknown:
            raise TemplateError(
                f"{file} uses {', '.join(sorted(unknown))}, which no message has."
                f" There are: {', '.join(sorted(VALUES))}."
            )
        compiled = environment.from_string(source)
        compiled.globals = dict(compiled.globals)  # a ChainMap otherwise, and rendering walks through it every time
        return compiled
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(f"{file} does not compile: {error.message} (line {error.lineno}).") from error


def _fill(template: jinja2.Template, file: Path, values: Mapping[str, str]) -> str:
    try:
        return template.render(values)
    except Exception as error:  # whatever a template raises is the template's fault, and one kind of error
        raise TemplateError(f"{file} cannot be filled: {error}.") from error


def _nearest(templates: Mapping[str, _Template], locale: str) -> _Template:
    tag = locale[:35].lower().replace("_", "-")  # 35: the longest tag RFC 5646 asks everybody to handle
    while tag:
        if tag in templates:
            return templates[tag]
        tag = tag.rpartition("-")[0]
    return templates[FALLBACK_LANGUAGE]
