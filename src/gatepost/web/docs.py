"""The API's documentation as a page, from files of our own package. In development only."""

from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse, JSONResponse, Response

from gatepost.web.context import WebContext
from gatepost.web.rendering import STATIC_PATH, static_bytes, static_url
from gatepost.web.route import route_class_for
from gatepost.web.static_files import add_files

_VENDOR = "vendor/swagger-ui"
_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")
# Swagger UI draws with inline styles and pictures in data: addresses; scripts come from files alone.
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API · Gatepost</title>
<link rel="stylesheet" href="{css}">
<link rel="icon" href="{icon}">
</head>
<body>
<div id="docs"></div>
<script src="{bundle}"></script>
<script src="{start}"></script>
</body>
</html>
"""


def docs_router(context: WebContext, app: FastAPI) -> APIRouter:
    """Make the router of /docs and /openapi.json.

    Args:
        context: what the routes need.
        app: the application that is described; it must not serve documents of its own there.
    """
    if not context.in_development:
        raise ValueError("environment: the API documents are served in development only")
    router = APIRouter(route_class=route_class_for(context, routine=True), include_in_schema=False)
    page = _PAGE.format(
        bundle=static_url(f"{_VENDOR}/swagger-ui-bundle.js"),
        css=static_url(f"{_VENDOR}/swagger-ui.css"),
        start=static_url("docs.js"),
        icon=static_url("icon.svg"),
    )
    add_files(router, f"{STATIC_PATH}/{_VENDOR}", {name: static_bytes(f"{_VENDOR}/{name}") for name in _FILES})

    @router.api_route("/docs", methods=["GET", "HEAD"])
    async def show_docs() -> Response:
        return HTMLResponse(page, headers={"Content-Security-Policy": _CSP})

    @router.get("/openapi.json")
    async def get_openapi() -> Response:
        return JSONResponse(app.openapi())

    return router
