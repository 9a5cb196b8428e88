"""The layout around every message, and how a page is put together: body into layout, CSS into elements. No Jinja."""

import re
from dataclasses import dataclass
from pathlib import Path

import css_inline

from gatepost.accent import Accent
from gatepost.errors import TemplateError
from gatepost.languages import nearest

# Marks of the layout that are filled when a template is loaded; to Jinja they are comments.
_LANGUAGE, _PREHEADER, CONTENT = "{# language #}", "{# preheader #}", "{# content #}"
_UNSUBSCRIBE = "{# unsubscribe #}"

# What the link that unsubscribes says, also in languages that only a product's own messages have. One word stands in
# every layout, and a product that wants another writes it into a layout of its own.
_UNSUBSCRIBE_IN = {
    "en": "Unsubscribe",
    "cs": "Odhlásit odběr",
    "da": "Afmeld",
    "de": "Abbestellen",
    "es": "Cancelar suscripción",
    "fr": "Se désabonner",
    "it": "Annulla iscrizione",
    "ja": "配信停止",
    "ko": "수신 거부",
    "nb": "Meld av",
    "nl": "Afmelden",
    "pl": "Wypisz się",
    "pt": "Cancelar inscrição",
    "ru": "Отписаться",
    "sv": "Avregistrera",
    "tr": "Abonelikten çık",
    "uk": "Відписатися",
    "zh-CN": "退订",
    "zh-TW": "取消訂閱",
}

_PREHEADER_COMMENT = re.compile(r"\A\s*<!--\s*preheader:\s*(.+?)\s*-->", re.DOTALL)
# What Jinja reads, and the elements around it, except those the HTML parser adds by itself or the inliner takes out.
_SKELETON = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|<(?!html|head|body|tbody|style)[a-z][a-z0-9]*", re.DOTALL)

# Media queries cannot be inlined, so their <style data-css-inline="keep"> stays. Nothing is ever fetched.
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False, resolve_css_variables=True)


@dataclass(frozen=True)
class Layouts:
    """What stands around every message: the plain text and the page, each with the marks for its content."""

    text: str
    html: str


def read(file: Path) -> str:
    """Read a file in UTF-8, with or without a byte order mark.

    Raises:
        TemplateError: it is missing or no UTF-8; names it.
    """
    try:
        return file.read_text("utf-8-sig")
    except OSError as error:
        raise TemplateError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise TemplateError(f"{file} is no UTF-8 at byte {error.start}: save it as UTF-8.") from error


def coloured(layout: str, accent: Accent) -> str:
    """Put the product's colours where a layout has their marks: `{# accent #}`, `{# dark accent #}`, and so on."""
    for scheme, shades in (("", accent.light), ("dark ", accent.dark)):
        for name, colour in shades.tokens().items():
            layout = layout.replace(f"{{# {scheme}{name} #}}", colour)
    return layout


def read_layout(file: Path) -> str:
    """Read a layout, which has one place for the content."""
    layout = read(file)
    if layout.count(CONTENT) != 1:
        raise TemplateError(f"{file} must have {CONTENT} once, where the message stands.")
    return layout


def lay_out(layout: str, file: Path, language: str) -> str:
    """Put the body into the page's layout and the layout's CSS into its elements."""
    body = read(file)
    preheader = _PREHEADER_COMMENT.match(body)
    if preheader is None:
        raise TemplateError(f"{file} must begin with <!-- preheader: the line shown beside the subject -->.")
    page = (
        _said_in(layout, language).replace(_PREHEADER, preheader[1]).replace(CONTENT, body[preheader.end() :].strip())
    )
    return inlined(page, file)


def lay_out_text(layout: str, file: Path, language: str) -> str:
    """Put the body into the layout of the plain text."""
    return _said_in(layout, language).replace(CONTENT, read(file).strip())


def _said_in(layout: str, language: str) -> str:
    unsubscribe = _UNSUBSCRIBE_IN[nearest(language, _UNSUBSCRIBE_IN) or "en"]
    return layout.replace(_LANGUAGE, language).replace(_UNSUBSCRIBE, unsubscribe)


def inlined(page: str, file: Path) -> str:
    """Put the CSS of `page` into its elements, and prove that nothing else of it has changed."""
    result = _INLINER.inline(page)
    if _SKELETON.findall(result) != _SKELETON.findall(page):
        # The HTML parser moves text that stands directly in a table, and rewrites quotes in attributes.
        raise TemplateError(
            f"{file}: inlining the CSS changed a placeholder or the order of elements. Put tags of Jinja inside of the"
            " text of an element, never directly in a table or a row, and use no quotes, < or & in them."
        )
    return result
