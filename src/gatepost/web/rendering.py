"""Pages from templates: autoescaped, strict about missing values, with the policy that suits a page of ours."""

import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from gatepost.web.context import WebContext

STATIC_PATH = "/gatepost/static"
OWN_FILES = ("gatepost.css", "icon.svg", "landing.js", "mailbox.js", "docs.js")
_STATIC = files("gatepost.web") / "static"
# Everything comes from here, forms go to here, nobody may frame it.
PAGE_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


def static_bytes(name: str) -> bytes:
    """Read one of our own static files; the names come from code, never from a request."""
    return (_STATIC / name).read_bytes()


def static_url(name: str) -> str:
    """The address of a static file; it changes with the content, so browsers may keep each for a year."""
    return f"{STATIC_PATH}/{name}?v={hashlib.sha256(static_bytes(name)).hexdigest()[:12]}"


class Pages:
    """Renders the templates of one Gatepost."""

    def __init__(self, context: WebContext) -> None:
        self._environment = Environment(
            loader=PackageLoader("gatepost.web", "html"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            product_name=context.settings.product_name,
            min_password=context.settings.password_min_length,
            static={name: static_url(name) for name in OWN_FILES},
        )

    def render(self, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """Render one template as the answer."""
        text = self._environment.get_template(template).render(**values)
        return HTMLResponse(text, status, {"Content-Security-Policy": PAGE_CSP})
