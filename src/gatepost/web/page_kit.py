"""What every page shares: showing a template with its CSRF field, reading a sent form, showing what went wrong.

Where scripts run, htmx sends the forms and puts the answer into the page. It gets the same answers, except where the
browser has to go to another page, and where the page that was open must stay.
"""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gatepost.errors import (
    N_,
    AddressTaken,
    ChallengeFailed,
    FieldError,
    InvalidInput,
    NotStarted,
    RateLimited,
    SignInFailed,
    TryLater,
    WrongPassword,
)
from gatepost.web import forms
from gatepost.web.context import WebContext
from gatepost.web.languages import asked_language, keep_locale, language_of
from gatepost.web.problems import Problem, Refused, problem_of, problem_response, refused
from gatepost.web.rendering import Pages, query_text
from gatepost.web.security import SAFE_METHODS, request_id_of

# What a person can do something about: the form comes back with the reason. Everything else gets a page of its own.
SHOWN = (
    *(InvalidInput, AddressTaken, WrongPassword, SignInFailed),
    *(RateLimited, ChallengeFailed, TryLater, NotStarted, Refused),
)

_FIELDS = frozenset(
    (
        *("email", "password", "current_password", "name", "token", "locale"),
        *("challenge", "next", "session", "again", forms.FIELD),
    )
)
# Where htmx puts a problem that is no page of the form: into the place every page keeps above it.
_ABOVE_THE_FORM = {"HX-Retarget": "#summary", "HX-Reselect": "#summary"}


class PageKit:
    """Pages of one Gatepost."""

    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._pages = Pages(context)

    def show(
        self,
        request: Request,
        template: str,
        *,
        error: Exception | None = None,
        typed: Mapping[str, str] | None = None,
        **values: Any,
    ) -> Response:
        """Show a page in the language of the request; its forms belong to this browser.

        Args:
            request: whose browser it is.
            template: name of the template without `.html`.
            error: what went wrong with the form that was sent, one of SHOWN or BadToken.
            typed: what stood in the fields, to be kept.
            values: what else the template needs.
        """
        problem = None if error is None else problem_of(error).said_in(language_of(request))
        cookie = forms.cookie_of(request, self._context)
        response = self._pages.render(
            request,
            f"{template}.html",
            problem.status if problem else 200,
            problem.headers if problem else None,
            problem=problem,
            errors={one.field: one.detail for one in reversed(problem.errors)} if problem else {},
            typed=typed or {},
            form_field={"name": forms.FIELD, "value": forms.field_for(cookie, self._context)},
            **values,
        )
        forms.set_cookie(response, cookie, self._context)
        return response

    def fragment(self, request: Request, template: str, **values: Any) -> Response:
        """Show what is the same for everybody, a page or a piece of one: it has no form of a browser, and no cookie."""
        return self._pages.render(request, f"{template}.html", **values)

    def show_problem(self, request: Request, problem: Problem) -> Response:
        """Answer what no form of ours causes: as a page for a browser, as problem+json for a program."""
        request_id = request_id_of(request)
        if "text/html" not in request.headers.get("accept", ""):
            return problem_response(problem, request_id, language_of(request))
        problem = problem.said_in(language_of(request))
        template, headers = "problem.html", problem.headers
        if _is_sent_in_place(request):  # the form stays, with all that was typed, and the problem stands above it
            template, headers = "problem_in_place.html", {**headers, **_ABOVE_THE_FORM}
        return self._pages.render(request, template, problem.status, headers, problem=problem, request_id=request_id)

    def lead(self, request: Request, path: str, **query: str) -> Response:
        """Lead the browser to another page of ours, in the language that `locale` asked for."""
        language = asked_language(request)
        return self.lead_to(request, path + query_text(query | ({"locale": language} if language else {})))

    def lead_to(self, request: Request, address: str) -> Response:
        """Lead the browser to an address as it stands: a path of this site or what `safe_next` let through.

        A script that is answered 303 gets the page behind it; only by the field of its own htmx lets the browser go.
        """
        if _is_by_htmx(request):
            return Response(status_code=204, headers={"HX-Redirect": address})
        return RedirectResponse(address, 303)

    async def read(self, request: Request) -> dict[str, str]:
        """Read the fields of a sent form; fields that are none of ours are ignored.

        Raises:
            InvalidInput: a field occurs more than once.
        """
        fields: dict[str, str] = {}
        for name, value in (await request.form()).multi_items():
            if name not in _FIELDS:
                continue
            if name in fields:
                raise InvalidInput([FieldError(name, "repeated", N_("Occurs more than once."))])
            fields[name] = str(value)
        keep_locale(request.scope, fields.get("locale"))
        return fields

    def check(self, request: Request, fields: Mapping[str, str]) -> None:
        """Refuse a form that no page of ours gave to this browser.

        Raises:
            Refused: `stale_form`.
        """
        if not forms.is_ours(request, fields, self._context):
            raise refused("stale_form")


def _is_by_htmx(request: Request) -> bool:
    return request.headers.get("hx-request") == "true"


def _is_sent_in_place(request: Request) -> bool:
    """Whether a form of a page that stays open was sent; what a page fetches by itself is none."""
    return _is_by_htmx(request) and request.method not in SAFE_METHODS
