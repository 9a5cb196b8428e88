"""Pages from templates: in the language of the request, autoescaped, strict about missing values."""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from gatepost.web.catalogue import catalogue
from gatepost.web.context import WebContext
from gatepost.web.languages import LANGUAGES, asked_language, language_of, say_language
from gatepost.web.next_page import allowed_origins

STATIC_PATH = "/gatepost/static"
# The name a file is served under, and where it stands below static/.
OWN_FILES = {
    **{name: name for name in ("tokens.css", "gatepost.css", "workshop.css", "icon.svg")},
    **{name: name for name in ("gatepost.js", "landing.js", "mailbox.js", "docs.js")},
    **{name: f"vendor/htmx/{name}" for name in ("htmx.min.js", "hx-sse.min.js")},
}
# What else makes a page the one it is; the links to its other languages take it along.
_SAME_PAGE = ("token", "view", "next", "q", "width", "scheme")
_STATIC = files("gatepost.web") / "static"
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
    return f"{STATIC_PATH}/{name}?v={hashlib.sha256(static_bytes(name)).hexdigest()[:12]}"


class Pages:
    """Renders the templates of one Gatepost."""

    def __init__(self, context: WebContext) -> None:
        self._environments = {language: _environment(context, language) for language in LANGUAGES}
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
        text = (
            self._environments[language]
            .get_template(template)
            .render(
                link=lambda path="", **query: path + query_text(query | kept),
                kept=kept,
                other_languages={query_text(here | {"locale": tag}): tag for tag in LANGUAGES if tag != language},
                **values,
            )
        )
        policy = self._policies.get(template, PAGE_CSP)
        response = HTMLResponse(text, status, {"Content-Security-Policy": policy, **(headers or {})})
        say_language(response.headers, language)
        return response


def _environment(context: WebContext, language: str) -> Environment:
    """Compile the templates for one language. A page's own words are marked in it: `_("…")` and `{% trans %}`."""
    environment = Environment(
        loader=PackageLoader("gatepost.web", "html"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["ext.i18n.trimmed"] = True
    texts = catalogue(language)
    environment.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(
        language=language,
        language_names=LANGUAGES,
        product_name=context.settings.product_name,
        min_password=context.settings.password_min_length,
        static={name: static_url(name) for name in OWN_FILES},
    )
    return environment


def query_text(names: Mapping[str, str]) -> str:
    """Write names and values as the query of an address, with its `?`; nothing where there are none."""
    return "?" + urlencode(names) if names else ""
