"""/admin/templates: what the mails say, as they would go out, with made-up values. Nothing is sent.

It shows what was read at the start, which is what goes out; see web/workshop/templates.py for whoever writes them.
"""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gatepost.admin.access import only
from gatepost.admin.house import House
from gatepost.admin.mail_again import MAIL_CSP
from gatepost.admin.template_check import TemplateCheck
from gatepost.mail.preview import Preview
from gatepost.mail.samples import SAMPLES
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator
from gatepost.web.problems import refused
from gatepost.web.workshop.live_templates import Reading
from gatepost.web.workshop.mail_html import Scheme, framed

SampleName = Annotated[Literal["complete", "bare", "long", "hostile"], Query()]
View = Annotated[Literal["html", "text", "headers"], Query()]
_NO_TEMPLATE = "There is no template of this name in this language."
_CANNOT_BE_MADE = "This mail cannot be made: its page says why."


def add_templates(router: APIRouter, house: House) -> None:
    """Add the list and the page of each mail, with what its frame shows."""
    reading = Reading(house.web.templates, house.web.composer)
    _add_list(router, house, reading)
    _add_one(router, house, reading)


def _add_list(router: APIRouter, house: House, reading: Reading) -> None:
    check = TemplateCheck(reading, house.web.stopping)

    @router.api_route("/templates", methods=["GET", "HEAD"])
    async def show_templates(
        request: Request, current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))]
    ) -> Response:
        mails = await check.every()
        missing = sum(one.findings is None for one in mails)
        return house.kit.show(request, "templates", current=current, mails=mails, missing=missing)


def _add_one(router: APIRouter, house: House, reading: Reading) -> None:
    @router.api_route("/templates/{name}/{language}", methods=["GET", "HEAD"])
    async def show_template(
        request: Request,
        name: str,
        language: str,
        current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))],
        sample: SampleName = "complete",
        view: View = "html",
        scheme: Scheme = "light",
    ) -> Response:
        shown = await _made(reading, name, language, sample)
        return house.kit.show(
            request,
            "template",
            current=current,
            message=name,
            tag=language,
            languages=reading.templates.languages(name),
            shown=shown,
            findings=await asyncio.to_thread(reading.findings, name, language),
            samples=SAMPLES,
            sample=sample,
            view=view,
            scheme=scheme,
        )

    @router.api_route("/templates/{name}/{language}/html", methods=["GET", "HEAD"])
    async def show_template_html(
        name: str,
        language: str,
        current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))],
        sample: SampleName = "complete",
        scheme: Scheme = "light",
    ) -> Response:
        shown = await _made(reading, name, language, sample)
        if shown is None:
            raise refused("not_found", detail=_CANNOT_BE_MADE)
        headers = {"Content-Security-Policy": MAIL_CSP, "Cross-Origin-Opener-Policy": "unsafe-none"}
        return HTMLResponse(framed(shown.html, scheme), headers=headers)


async def _made(reading: Reading, name: str, language: str, sample: str) -> Preview | None:
    if (name, language) not in reading.mails():
        raise refused("not_found", detail=_NO_TEMPLATE)
    return await asyncio.to_thread(reading.show, name, language, sample)
