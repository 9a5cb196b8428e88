"""The few files our pages load, from a fixed list, with the same header fields as every other answer."""

from collections.abc import Mapping

from fastapi import APIRouter, Response
from starlette.requests import Request

from gatepost.web.branding import File
from gatepost.web.context import WebContext
from gatepost.web.problems import refused
from gatepost.web.rendering import OWN_FILES, STATIC_PATH, static_bytes
from gatepost.web.route import route_class_for

_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


def static_router(context: WebContext) -> APIRouter:
    """Make the router of our stylesheet and scripts."""
    router = APIRouter(route_class=route_class_for(context, routine=True), include_in_schema=False)
    _add(router, STATIC_PATH, {name: _file(name, static_bytes(name)) for name in OWN_FILES} | dict(context.own_files))
    return router


def add_files(router: APIRouter, path: str, contents: Mapping[str, bytes]) -> None:
    """Serve `contents` by name below `path`; with a version in the address browsers may keep them for a year."""
    _add(router, path, {name: _file(name, content) for name, content in contents.items()})


def _file(name: str, content: bytes) -> File:
    return File(content, _TYPES[name.rpartition(".")[2]])


def _add(router: APIRouter, path: str, files: Mapping[str, File]) -> None:
    @router.api_route(path + "/{name}", methods=["GET", "HEAD"])
    async def get_file(request: Request, name: str) -> Response:
        if (file := files.get(name)) is None:
            raise refused("not_found")
        kept = "public, max-age=31536000, immutable" if "v" in request.query_params else "no-cache"
        return Response(file.content, media_type=file.media_type, headers={"Cache-Control": kept, **file.headers})
