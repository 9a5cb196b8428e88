"""Every route of the service and who may use it. A route of no class fails the matrix: think about it first."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import FastAPI

Endpoint = tuple[str, str]  # method and path

ID = "01a206d6-9067-72c2-a4e9-e0a822f04cc3"
TOKEN = "A" * 64  # of a link that nobody wrote

# Anybody may. No credential is asked for, and none that comes along does harm.
PUBLIC: frozenset[Endpoint] = frozenset(
    {
        ("POST", "/auth/register"),
        ("POST", "/auth/verify"),
        ("POST", "/auth/verify/request"),
        ("POST", "/auth/password/reset/request"),
        ("POST", "/auth/password/reset"),
        ("POST", "/auth/login"),
        ("POST", "/auth/logout"),
        ("POST", "/auth/email/confirm"),
        ("POST", "/auth/email/undo"),
    }
)
# Whoever is signed in.
SESSION: frozenset[Endpoint] = frozenset(
    {
        ("GET", "/auth/me"),
        ("PATCH", "/auth/me"),
        ("POST", "/auth/me/delete"),
        ("POST", "/auth/password/change"),
        ("POST", "/auth/email/change"),
        ("GET", "/auth/sessions"),
        ("DELETE", "/auth/sessions/{id}"),
    }
)
# Whoever holds ADMIN_TOKEN.
OPERATOR: frozenset[Endpoint] = frozenset(
    {
        ("GET", "/mail/messages"),
        ("GET", "/mail/messages/{id}"),
        ("GET", "/mail/stats"),
        *(("POST", f"/mail/messages/{{id}}/{action}") for action in ("hold", "release", "cancel", "resend")),
        ("GET", "/mail/suppressions"),
        ("POST", "/mail/suppressions"),
        ("DELETE", "/mail/suppressions/{id}"),
        ("GET", "/accounts"),
        ("GET", "/accounts/{id}/sessions"),
        ("POST", "/accounts/{id}/disable"),
        ("POST", "/accounts/{id}/enable"),
        ("POST", "/accounts/{id}/sessions/end"),
        ("POST", "/accounts/{id}/correct-address"),
        ("POST", "/accounts/{id}/start-reset"),
    }
)
# Mail providers: each proves by what it posts that it is the one. Without a key set, nobody.
PROVIDER: frozenset[Endpoint] = frozenset({("POST", "/feedback/{provider}")})
# Whoever asks, under any Host; /metrics wants the admin token in production.
PROBE: frozenset[Endpoint] = frozenset(
    {("GET", "/healthz"), ("HEAD", "/healthz"), ("GET", "/readyz"), ("HEAD", "/readyz"), ("GET", "/metrics")}
)
# For people with a browser: opening one changes nothing, and sending one takes the form field of that browser.
_OPEN_PAGES = (
    "/register",
    "/verify",
    "/verify/request",
    "/reset",
    "/reset/request",
    "/login",
    "/email/confirm",
    "/email/undo",
)
# Leads to another page, whoever asks.
_POINTERS = frozenset((method, "/.well-known/change-password") for method in ("GET", "HEAD"))
PAGE: frozenset[Endpoint] = frozenset(
    {("GET", "/"), *_POINTERS, *((method, path) for path in _OPEN_PAGES for method in ("GET", "HEAD", "POST"))}
)
# Whoever has the link of a message, with or without a browser: opening it changes nothing, and what is sent says all.
LINK: frozenset[Endpoint] = frozenset((method, "/mail/unsubscribe/{token}") for method in ("GET", "HEAD", "POST"))
# For people with a browser that has a session; everybody else is led to the sign-in page.
ACCOUNT_PAGE: frozenset[Endpoint] = frozenset(
    {
        ("GET", "/account"),
        ("HEAD", "/account"),
        ("POST", "/account/sessions/end"),
        ("POST", "/account/sessions/end-others"),
        ("POST", "/account/sign-out"),
        *(
            (method, f"/account/{what}")
            for what in ("profile", "password", "email", "delete")
            for method in ("GET", "HEAD", "POST")
        ),
    }
)
# The same for everybody: files, and whether mail is delayed.
FILE: frozenset[Endpoint] = frozenset(
    (method, path) for method in ("GET", "HEAD") for path in ("/gatepost/static/{name}", "/gatepost/mail-delay")
)
# Only in development; the mailbox and the mail templates answer only the developer's own machine.
DEVELOPMENT: frozenset[Endpoint] = frozenset(
    {
        ("GET", "/openapi.json"),
        ("GET", "/dev/mailbox/changes"),
        ("POST", "/dev/mailbox/delete"),
        ("POST", "/dev/mailbox/server"),
        *(
            (method, path)
            for method in ("GET", "HEAD")
            for path in (
                "/docs",
                "/gatepost/static/vendor/swagger-ui/{name}",
                "/dev/mailbox",
                "/dev/mailbox/messages/{name}",
                "/dev/mailbox/messages/{name}/html",
                "/dev/templates",
                "/dev/templates/{name}/{language}",
                "/dev/templates/{name}/{language}/html",
            )
        ),
    }
)

CLASSES = {
    "public": PUBLIC,
    "session": SESSION,
    "operator": OPERATOR,
    "provider": PROVIDER,
    "probe": PROBE,
    "page": PAGE,
    "link": LINK,
    "account page": ACCOUNT_PAGE,
    "file": FILE,
    "development": DEVELOPMENT,
}


def endpoints(app: FastAPI) -> list[Endpoint]:
    """Method and path of every route the application has."""
    return sorted(set(_endpoints(app.routes)))


def is_house(endpoint: Endpoint) -> bool:
    """Whether it is one of the operators' pages. Each of them names its role itself: tests/admin/test_roles.py."""
    return endpoint[1] == "/admin" or endpoint[1].startswith("/admin/")


def classes_of(endpoint: Endpoint) -> list[str]:
    """The classes an endpoint stands in; there should be exactly one."""
    found = [name for name, members in CLASSES.items() if endpoint in members]
    return [*found, "operators' page"] if is_house(endpoint) else found


def address_of(path: str) -> str:
    """The path of one thing that does not exist."""
    path = path.replace("{token}", TOKEN)
    return path.replace("{id}", ID).replace("{name}", "gatepost.css").replace("{language}", "en")


def _endpoints(routes: Sequence[Any]) -> Iterator[Endpoint]:
    for route in routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from _endpoints(included.routes)
        else:
            yield from ((method, route.path) for method in route.methods)
