"""What the operators' pages share: showing a template with its form field, reading a form, showing what went wrong.

They speak English alone: they are read beside the log, the command line and these documents, which do so too.
"""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gatepost.clock import iso
from gatepost.errors import N_, FieldError, InvalidInput
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator
from gatepost.version import VERSION
from gatepost.web import forms
from gatepost.web.catalogue import catalogue
from gatepost.web.context import WebContext
from gatepost.web.page_environment import our_loader, page_environment
from gatepost.web.problems import Problem, problem_of, problem_response, refused
from gatepost.web.rendering import OWN_FILES, PAGE_CSP, static_url
from gatepost.web.security import request_id_of

PAGE = "/admin"
STATIC_PATH = f"{PAGE}/static"
MAX_FIELDS = 40
_STATIC = files("gatepost.admin") / "static"
# Our own files here, by the name they are served under.
OWN_ADMIN_FILES: dict[str, str] = {
    "admin.css": "admin.css",
    "admin.js": "admin.js",
    "activity.js": "activity.js",
    "hx-sse.min.js": "vendor/htmx/hx-sse.min.js",
    "uPlot.iife.min.js": "vendor/uplot/uPlot.iife.min.js",
    "uPlot.min.css": "vendor/uplot/uPlot.min.css",
}
# The pages in the menu: where, what it is called, and the role it needs.
MENU: tuple[tuple[str, str, Role], ...] = (
    (PAGE, "Activity", Role.SUPPORT),
    (f"{PAGE}/messages", "Messages", Role.SUPPORT),
    (f"{PAGE}/accounts", "Accounts", Role.SUPPORT),
    (f"{PAGE}/suppressions", "Suppressions", Role.SUPPORT),
    (f"{PAGE}/sign-ups", "Sign-ups", Role.SUPPORT),
    (f"{PAGE}/servers", "Servers", Role.SUPPORT),
    (f"{PAGE}/templates", "Templates", Role.SUPPORT),
    (f"{PAGE}/audit", "Audit", Role.OPERATOR),
    (f"{PAGE}/operators", "Operators", Role.OWNER),
)


def static_files() -> dict[str, bytes]:
    """Our own static files here, by the name they are served under."""
    return {name: (_STATIC / place).read_bytes() for name, place in OWN_ADMIN_FILES.items()}


class AdminKit:
    """Pages of one Gatepost."""

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._environment = _environment(context)

    def show(
        self,
        request: Request,
        template: str,
        *,
        current: CurrentOperator | None = None,
        error: Exception | None = None,
        typed: Mapping[str, str] | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """Show a page.

        Args:
            request: whose browser it is.
            template: name of the template without `.html`.
            current: who looks; None before the sign-in.
            error: what went wrong with the form that was sent.
            typed: what stood in the fields, to be kept.
            status: of the answer, where there is no error.
            headers: header fields of the answer, where there is no error.
            values: what else the template needs.
        """
        problem = None if error is None else problem_of(error)
        cookie = forms.cookie_of(request, self._context)
        values.setdefault("done", request.query_params.get("done", ""))  # a word of house_parts.html, or nothing
        text = self.render(
            template,
            current=current,
            here=request.url.path,
            problem=problem,
            errors={one.field: one.detail for one in reversed(problem.errors)} if problem else {},
            typed=typed or {},
            form_field={"name": forms.FIELD, "value": forms.field_for(cookie, self._context)},
            now_ms=self._context.clock.now_ms(),
            **values,
        )
        response = HTMLResponse(
            text,
            problem.status if problem else status,
            {"Content-Security-Policy": PAGE_CSP, **((problem.headers if problem else headers) or {})},
        )
        forms.set_cookie(response, cookie, self._context)
        return response

    def render(self, template: str, *, current: CurrentOperator | None = None, **values: Any) -> str:
        """Fill a template; for what is the same for all viewers, without a form of a browser."""
        menu = [one for one in MENU if current is not None and current.operator.role.may(one[2])]
        return self._environment.get_template(f"{template}.html").render(
            current=current, menu=menu, role=current.operator.role if current else None, **values
        )

    def show_problem(self, request: Request, problem: Problem) -> Response:
        """Answer what no form here causes: as a page for a browser, as problem+json for a program.

        Whoever is not signed in gets the page to sign in, at the address they asked for.
        """
        if "text/html" not in request.headers.get("accept", ""):
            return problem_response(problem, request_id_of(request), "en")
        if problem.code == "not_signed_in":
            wanted = request.url.path if request.method in ("GET", "HEAD") else PAGE
            query = f"?{request.url.query}" if request.url.query and wanted != PAGE else ""
            return self.show(
                request, "sign_in", status=problem.status, headers=problem.headers, next_page=wanted + query
            )
        return self.show(
            request,
            "problem",
            status=problem.status,
            headers=problem.headers,
            shown=problem,
            request_id=request_id_of(request),
        )

    async def read(self, request: Request) -> dict[str, str]:
        """Read the fields of a sent form.

        Raises:
            InvalidInput: a field occurs more than once, or there are more than MAX_FIELDS.
            Refused: `stale_form`: no page of ours gave it to this browser.
        """
        fields: dict[str, str] = {}
        for name, value in (await request.form(max_fields=MAX_FIELDS)).multi_items():
            if name in fields:
                raise InvalidInput([FieldError(name, "repeated", N_("Occurs more than once."))])
            fields[name] = str(value)
        if not forms.is_ours(request, fields, self._context):
            raise refused("stale_form")
        return fields

    def lead(self, path: str, **query: str) -> Response:
        """Lead the browser to another page here; `done` in the query names what was done, see html/house.html."""
        return RedirectResponse(path + (f"?{urlencode(query)}" if query else ""), 303)


def _environment(context: WebContext) -> Environment:
    ours = PackageLoader("gatepost.admin", "html")
    environment = page_environment(
        ChoiceLoader([ours, PrefixLoader({"web": our_loader()})]), read_again=context.in_development
    )
    texts = catalogue("en")
    environment.install_gettext_callables(texts.gettext, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters["instant"] = lambda at_ms: "" if at_ms is None else iso(at_ms)
    environment.globals.update(
        product_name=context.settings.product_name,
        version=VERSION,
        in_development=context.in_development,
        logo=context.brand.logo,
        icon=context.brand.icon,
        static={name: static_url(name) for name in OWN_FILES}
        | {
            name: f"{STATIC_PATH}/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"
            for name, content in static_files().items()
        }
        | {
            name: f"/gatepost/static/{name}?v={hashlib.sha256(file.content).hexdigest()[:12]}"
            for name, file in context.own_files.items()
        },
    )
    return environment
