"""Errors as RFC 9457 problems: the table of all codes, and how every error of ours becomes one of them.

The texts stand here in English, marked for translation; an answer says them in the language of its request. A problem
never repeats what was sent, and never shows a path, a statement or a stack.
"""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gatepost import errors
from gatepost.errors import N_, FieldError
from gatepost.events import RequestFailed
from gatepost.web.catalogue import translate
from gatepost.web.languages import say_language
from gatepost.web.validation import field_errors

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """One answer that is no success.

    Args:
        code: stable, for programs; the type is made from it.
        status: HTTP status.
        title: the same short text for every problem of this code, marked with `N_`.
        detail: what happened and the way out, for a person, marked with `N_`.
        errors: what is wrong with which field.
        headers: header fields that belong to this answer.
        reasons: short reasons, only for `not_ready`.
    """

    code: str
    status: int
    title: str
    detail: str
    errors: tuple[FieldError, ...] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    reasons: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        """The problem type as a URI (RFC 9457, 3.1.1)."""
        return "urn:gatepost:problem:" + self.code.replace("_", "-")

    def said_in(self, language: str) -> "Problem":
        """The same problem with its words in `language`."""
        return replace(
            self,
            title=translate(self.title, language),
            detail=translate(self.detail, language),
            errors=tuple(FieldError(e.field, e.code, translate(e.text, language, e.values)) for e in self.errors),
        )


def _table(*rows: Problem) -> dict[str, Problem]:
    return {row.code: row for row in rows}


# Every code there is. docs/reference/errors.md explains each one, and a test compares the two.
PROBLEMS = _table(
    Problem("bad_request", 400, N_("The request cannot be read"), N_("Send the request again in a form HTTP allows.")),
    Problem(
        "bad_token",
        400,
        N_("This link cannot be used"),
        N_("It was used before, is too old, or was replaced by a newer one. Ask for a new message and use its link."),
    ),
    Problem(
        "feedback_unreadable",
        400,
        N_("This feedback cannot be read"),
        N_("It is not what this provider documents. Nothing of it was kept; the log names the cause."),
    ),
    Problem(
        "unknown_host", 400, N_("Unknown host"), N_("This service answers only under its own address (PUBLIC_URL).")
    ),
    Problem(
        "unauthorized", 401, N_("Not signed in"), N_("Send `Authorization: Bearer` with the value of ADMIN_TOKEN.")
    ),
    Problem(
        "sign_in_failed",
        401,
        N_("Signing in failed"),
        N_("The address or the password is wrong, or the address is not verified yet: then look into its mailbox."),
    ),
    Problem(
        "operator_sign_in_failed",
        401,
        N_("Signing in failed"),
        N_("The name or the password is wrong. An owner can give a new password on the command line."),
    ),
    Problem(
        "feedback_not_proven",
        401,
        N_("This feedback does not prove where it comes from"),
        N_("Nothing was kept. Set the key of this provider, or mend its signature; the log names the cause."),
    ),
    Problem(
        "not_signed_in",
        401,
        N_("Not signed in"),
        N_("Sign in, and send the session's cookie or `Authorization: Bearer` with its token."),
        headers={"WWW-Authenticate": 'Bearer realm="gatepost"'},
    ),
    Problem(
        "wrong_password",
        403,
        N_("The current password is wrong"),
        N_("Nothing was changed. Type the password you sign in with now."),
        errors=(FieldError("current_password", "wrong", N_("This is not your current password.")),),
    ),
    Problem(
        "not_verified",
        403,
        N_("The address is not verified"),
        N_("Open the link in the verification message first."),
    ),
    Problem(
        "challenge_failed",
        403,
        N_("The check of strangers failed"),
        N_("Nothing was done. Solve what the page asks for, and send the form again."),
    ),
    Problem(
        "foreign_origin",
        403,
        N_("The request comes from another site"),
        N_("Only pages of this site may send it. Set PUBLIC_URL to the address people see in their browser."),
    ),
    Problem(
        "stale_form",
        403,
        N_("The form was open for too long"),
        N_("Nothing was changed. Send it once more; cookies must be allowed for this site."),
    ),
    Problem(
        "role_too_low",
        403,
        N_("Your role does not allow this"),
        N_("Nothing was done. Ask an operator with the role it needs, or an owner for that role."),
    ),
    Problem("not_found", 404, N_("Not found"), N_("There is nothing at this address.")),
    Problem(
        "method_not_allowed", 405, N_("Method not allowed"), N_("The Allow header names the methods of this address.")
    ),
    Problem(
        "address_taken",
        409,
        N_("This address has an account"),
        N_("Sign in, or ask for a new verification message or a password reset."),
        errors=(FieldError("email", "taken", N_("An account with this address exists.")),),
    ),
    Problem(
        "operator_name_taken",
        409,
        N_("There is an operator of this name"),
        N_("Nothing was changed. Choose another name, or change the role of the one there is."),
        errors=(FieldError("name", "taken", N_("There is an operator of this name already.")),),
    ),
    Problem(
        "last_owner",
        409,
        N_("This is the last owner"),
        N_("Nothing was changed: no owner who may sign in would be left. Make somebody else an owner first."),
    ),
    Problem(
        "idempotency_key_reused",
        409,
        N_("This Idempotency-Key belongs to another request"),
        N_("It came before with another body. Nothing was stored. Send every new request with a new key."),
    ),
    Problem(
        "message_in_flight",
        409,
        N_("The message is on its way at this moment"),
        N_("Nothing was changed. Look again in a few seconds, and decide by what became of it."),
    ),
    Problem(
        "action_refused",
        409,
        N_("This cannot be done now"),
        N_("Nothing was changed: it does not fit how things stand by now."),
    ),
    Problem("body_too_large", 413, N_("The body is too large"), N_("At most 65,536 bytes are read.")),
    Problem(
        "unsupported_media_type",
        415,
        N_("Unsupported content type"),
        N_("Send JSON with `Content-Type: application/json`; pages send application/x-www-form-urlencoded."),
    ),
    Problem(
        "invalid_input",
        422,
        N_("Something typed cannot be used"),
        N_("Nothing was stored. See `errors`, field by field."),
    ),
    Problem(
        "too_many_requests",
        429,
        N_("Too many requests"),
        N_("Nothing was done. Send the same request again after the time in Retry-After."),
    ),
    Problem(
        "head_too_large",
        431,
        N_("The header fields are too large"),
        N_("Request line and header fields together may have 32,768 bytes. Too many cookies can be the reason."),
    ),
    Problem(
        "internal_error",
        500,
        N_("Our mistake"),
        N_("It was recorded under this request id. Trying again does no harm."),
    ),
    Problem(
        "try_later",
        503,
        N_("Try again shortly"),
        N_("Nothing is half done. Send the same request again after the time in Retry-After."),
    ),
    Problem(
        "not_started",
        503,
        N_("Not running"),
        N_("Gatepost's lifespan has not begun or has ended. Start the application (a TestClient needs `with`)."),
        headers={"Retry-After": "5"},
    ),
    Problem("not_ready", 503, N_("Not ready"), N_("See `reasons`."), headers={"Retry-After": "1"}),
    Problem(
        "http_error", 400, N_("The request was refused"), N_("The application around Gatepost refused the request.")
    ),
)

NO_SUCH_MESSAGE = N_("There is no message with this id.")
NO_SUCH_SUPPRESSION = N_("There is no suppression with this id.")
NO_SUCH_OPERATOR = N_("There is no operator of this name.")
NO_SUCH_SESSION = N_("You have no session with this id.")
NO_SUCH_ACCOUNT = N_("There is no account with this id.")

# Plain HTTP errors that mean the same as one of ours.
_BY_STATUS = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
}


class Refused(HTTPException):
    """A route says no with one of the problems of the table.

    An HTTPException, because FastAPI lets only those through while it reads a body.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.status, problem.detail, problem.headers)
        self.problem = problem


def refused(code: str, **changes: Any) -> Refused:
    """The exception that answers with the problem `code`, `changes` replacing parts of its row."""
    return Refused(replace(PROBLEMS[code], **changes))


def problem_of(error: Exception) -> Problem:
    """Choose the problem for any exception; what nobody foresaw is `internal_error` and shows nothing of itself."""
    match error:
        case Refused():
            return error.problem
        case errors.InvalidInput():
            return replace(PROBLEMS["invalid_input"], errors=error.errors)
        case errors.BadToken():
            return PROBLEMS["bad_token"]
        case errors.AddressTaken():
            return PROBLEMS["address_taken"]
        case errors.IdempotencyKeyReused():
            return PROBLEMS["idempotency_key_reused"]
        case errors.SignInFailed():
            return PROBLEMS["sign_in_failed"]
        case errors.NotSignedIn():
            return PROBLEMS["not_signed_in"]
        case errors.WrongPassword():
            return PROBLEMS["wrong_password"]
        case errors.ChallengeFailed():
            return PROBLEMS["challenge_failed"]
        case errors.RateLimited():
            return replace(PROBLEMS["too_many_requests"], headers={"Retry-After": str(error.retry_after_s)})
        case errors.NoSuchSession():
            return replace(PROBLEMS["not_found"], detail=NO_SUCH_SESSION)
        case errors.NoSuchAccount():
            return replace(PROBLEMS["not_found"], detail=NO_SUCH_ACCOUNT)
        case errors.NoSuchOperator():
            return replace(PROBLEMS["not_found"], detail=NO_SUCH_OPERATOR)
        case errors.OperatorNameTaken():
            return PROBLEMS["operator_name_taken"]
        case errors.LastOwner():
            return PROBLEMS["last_owner"]
        case errors.OperatorSignInFailed():
            return PROBLEMS["operator_sign_in_failed"]
        case errors.NoSuchSuppression():
            return replace(PROBLEMS["not_found"], detail=NO_SUCH_SUPPRESSION)
        case errors.NotProven():
            return PROBLEMS["feedback_not_proven"]
        case errors.FeedbackUnreadable():
            return PROBLEMS["feedback_unreadable"]
        case errors.NoSuchMessage():
            return replace(PROBLEMS["not_found"], detail=NO_SUCH_MESSAGE)
        case errors.MessageInFlight():
            return replace(PROBLEMS["message_in_flight"], detail=error.text)
        case errors.ActionRefused():
            return replace(PROBLEMS["action_refused"], detail=error.text)
        case errors.TryLater():
            return replace(PROBLEMS["try_later"], headers={"Retry-After": str(error.retry_after_s)})
        case errors.NotStarted():
            return PROBLEMS["not_started"]
        case RequestValidationError():
            return replace(PROBLEMS["invalid_input"], errors=field_errors(error))
        case HTTPException():
            return _of_http(error)
        case _:
            return PROBLEMS["internal_error"]


def _of_http(error: HTTPException) -> Problem:
    """A plain HTTP error, mostly raised by a dependency of the host application: its own words are kept.

    The phrase of the status, which Starlette fills in where nothing was said, is none.
    """
    headers = dict(error.headers or {})
    if error.status_code in _BY_STATUS:
        return replace(PROBLEMS[_BY_STATUS[error.status_code]], headers=headers)
    row = PROBLEMS["http_error"]
    said = isinstance(error.detail, str) and error.detail not in ("", _phrase(error.status_code))
    detail = error.detail if said else row.detail
    return replace(row, status=error.status_code, detail=detail, headers=headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def request_failed(error: Exception, request_id: str) -> RequestFailed:
    """The event that keeps what an `internal_error` does not show."""
    lines = traceback.format_exception(error)
    return RequestFailed(request_id=request_id, error=type(error).__name__, traceback="".join(lines))


def problem_response(problem: Problem, request_id: str, language: str) -> JSONResponse:
    """Write a problem as the answer, in one of the languages there are."""
    problem = problem.said_in(language)
    body: dict[str, Any] = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id,
    }
    if problem.errors:
        body["errors"] = [{"field": e.field, "code": e.code, "detail": e.detail} for e in problem.errors]
    if problem.reasons:
        body["reasons"] = list(problem.reasons)
    response = JSONResponse(body, problem.status, dict(problem.headers), media_type=MEDIA_TYPE)
    say_language(response.headers, language)
    return response


_TEXT = {"type": "string"}
_SCHEMA = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        **{name: _TEXT for name in ("type", "title", "detail", "code", "request_id")},
        "status": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {name: _TEXT for name in ("field", "code", "detail")},
            },
        },
        "reasons": {"type": "array", "items": _TEXT},
    },
}


def documented(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these problems, for the OpenAPI document."""
    responses: dict[int | str, dict[str, Any]] = {}
    for row in (PROBLEMS[code] for code in codes):
        titles = [responses[row.status]["description"]] if row.status in responses else []
        responses[row.status] = {
            "description": "; ".join([*titles, f"{row.code}: {row.title}"]),
            "content": {MEDIA_TYPE: {"schema": _SCHEMA}},
        }
    return responses
