"""Pages from templates: in the language of the request, autoescaped, strict about missing values."""

import hashlib
import traceback
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import BaseLoader, Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse

from gatepost.events import PageBroken
from gatepost.web.catalogue import catalogue
from gatepost.web.context import WebContext
from gatepost.web.languages import LANGUAGES, asked_language, language_of, say_language
from gatepost.web.next_page import allowed_origins
from gatepost.web.own_pages import OwnPages
from gatepost.web.page_environment import our_loader, page_environment

STATIC_PATH = "/gatepost/static"
# The name a file is served under, and where it stands below static/.
OWN_FILES = {
    **{name: name for name in ("tokens.css", "gatepost.css", "workshop.css", "icon.svg")},
    **{name: name for name in ("gatepost.js", "passwords.js", "landing.js", "mailbox.js", "docs.js")},
    "htmx.min.js": "vendor/htmx/htmx.min.js",
}
# What else makes a page the one it is; the links to its other languages take it along.
_SAME_PAGE = ("token", "view", "next", "q", "width", "scheme", "sample")
_STATIC = files("gatepost.web") / "static"
_BROKEN_TOLD_AGAIN_S = 60
# Everything comes from here, forms go to here, nobody may frame it.
PAGE_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


def static_bytes(name: str) -> bytes:
    """Read one of our own static files; the names come from code, never from a request."""
    return (_STATIC / OWN_FILES.get(name, name)).read_bytes()


def static_url(name: str) -> str:
    """The address of a static file; it changes with the content, so browsers may keep each for a year."""
    return _versioned(name, static_bytes(name))


def _versioned(name: str, content: bytes) -> str:
    return f"{STATIC_PATH}/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


class Pages:
    """Renders the templates of one Gatepost: the product's own, and ours where it has none or its own is broken."""

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._ours = _environments(context, our_loader())
        self._own = self._ours if context.pages is None else _environments(context, context.pages.loader())
        # Chromium holds `form-action` also against where the answer to a form leads: after signing in, to these.
        self._policies = {"login.html": " ".join((PAGE_CSP, *allowed_origins(context.settings)))}

    def render(
        self,
        request: Request,
        template: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> HTMLResponse:
        """Render one template as the answer, in the language of the request.

        A language that `locale` asked for, and no other, goes on to the next page: with its links and in its forms.
        """
        language, asked = language_of(request), asked_language(request)
        kept = {"locale": asked} if asked else {}
        here = {name: values[name] for name in _SAME_PAGE if values.get(name)}
        text = self._filled(
            language,
            template,
            {
                "link": lambda path="", **query: path + query_text(query | kept),
                "kept": kept,
                "other_languages": {query_text(here | {"locale": tag}): tag for tag in LANGUAGES if tag != language},
                **values,
            },
        )
        policy = self._policies.get(template, PAGE_CSP)
        response = HTMLResponse(text, status, {"Content-Security-Policy": policy, **(headers or {})})
        say_language(response.headers, language)
        return response

    def _filled(self, language: str, template: str, values: Mapping[str, Any]) -> str:
        """Fill a template. Whatever a page of the product's own raises, nobody is locked out: ours is shown instead."""
        if self._context.pages is not None:
            try:
                return self._own[language].get_template(template).render(values)
            except Exception as error:
                self._tell(self._context.pages, template, error)
        return self._ours[language].get_template(template).render(values)

    def _tell(self, pages: OwnPages, template: str, error: Exception) -> None:
        now = self._context.clock.monotonic()
        if now - pages.told.get(template, -_BROKEN_TOLD_AGAIN_S) >= _BROKEN_TOLD_AGAIN_S:
            pages.told[template] = now
            place = _place_of(error, pages.folder)
            self._context.events.emit(PageBroken(page=template, error=type(error).__name__, place=place))


def _place_of(error: Exception, folder: Path) -> str | None:
    """File and line of the product's where it happened. What the error says may hold a value of the page: left out."""
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    places = [f"{path.relative_to(folder)}, line {line}" for path, line in frames if path.is_relative_to(folder)]
    return places[-1] if places else None


def _environments(context: WebContext, loader: BaseLoader) -> Mapping[str, Environment]:
    return {language: _environment(context, language, loader) for language in LANGUAGES}


def _environment(context: WebContext, language: str, loader: BaseLoader) -> Environment:
    """Compile the templates for one language."""
    environment = page_environment(loader, read_again=context.in_development)
    texts = catalogue(language)
    environment.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(
        language=language,
        language_names=LANGUAGES,
        product_name=context.settings.product_name,
        min_password=context.settings.password_min_length,
        static={name: static_url(name) for name in OWN_FILES}
        | {name: _versioned(name, file.content) for name, file in context.own_files.items()},
        logo=context.brand.logo,
        icon=context.brand.icon,
    )
    return environment


def query_text(names: Mapping[str, str]) -> str:
    """Write names and values as the query of an address, with its `?`; nothing where there are none."""
    return "?" + urlencode(names) if names else ""
