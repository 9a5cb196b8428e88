"""What the mails say, as pages: /dev/templates. Every message in every language with made-up values, and what is wrong.

Nothing is sent and nothing is stored. It shows paths of this machine, so nobody else may see it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gatepost.errors import N_
from gatepost.mail.linter.finding import Finding, Severity
from gatepost.mail.preview import Preview
from gatepost.mail.samples import SAMPLES
from gatepost.web.catalogue import translate
from gatepost.web.context import WebContext
from gatepost.web.languages import language_of
from gatepost.web.page_kit import PageKit
from gatepost.web.problems import refused
from gatepost.web.route import route_class_for
from gatepost.web.static_files import static_router
from gatepost.web.workshop.live_templates import LiveTemplates, Reading
from gatepost.web.workshop.mail_html import MAIL_CSP, Scheme, framed
from gatepost.web.workshop.mailbox import only_this_machine

PAGE = "/dev/templates"
_SHOW = ["GET", "HEAD"]
SampleName = Annotated[Literal["complete", "bare", "long", "hostile"], Query()]
View = Annotated[Literal["html", "text", "headers", "source"], Query()]
Width = Annotated[Literal["320", "full"], Query()]


def templates_router(context: WebContext) -> APIRouter:
    """Make the router of /dev/templates; in development only."""
    if not context.in_development:
        raise ValueError("templates: their pages are there in development only")
    kit = PageKit(context)
    router = APIRouter(
        prefix=PAGE,
        route_class=route_class_for(context, answer_problem=kit.show_problem),
        include_in_schema=False,
        dependencies=[Depends(only_this_machine)],
    )
    live = LiveTemplates(context.templates, context.composer)
    _add_list(router, live, kit, has_mailbox=context.mailbox is not None)
    _add_one(router, live, kit)
    both = APIRouter()
    both.include_router(router)
    both.include_router(static_router(context))
    return both


def _add_list(router: APIRouter, live: LiveTemplates, kit: PageKit, *, has_mailbox: bool) -> None:
    @router.api_route("", methods=_SHOW)
    async def show_list(request: Request) -> Response:
        reading = await asyncio.to_thread(live.read)
        findings = await asyncio.to_thread(reading.every_finding)
        return kit.show(
            request,
            "templates",
            folder=live.folder,
            unread=reading.unread,
            messages=await asyncio.to_thread(_rows, reading),
            findings=_together(findings, language_of(request)),
            errors_found=sum(one.severity is Severity.ERROR for one in findings),
            samples=SAMPLES,
            has_mailbox=has_mailbox,
        )


def _add_one(router: APIRouter, live: LiveTemplates, kit: PageKit) -> None:
    async def read(name: str, language: str) -> Reading:
        reading = await asyncio.to_thread(live.read)
        if (name, language) not in reading.mails():
            raise refused("not_found", detail=N_("There is no template of this name in this language."))
        return reading

    @router.api_route("/{name}/{language}", methods=_SHOW)
    async def show_template(
        request: Request,
        name: str,
        language: str,
        sample: SampleName = "complete",
        view: View = "html",
        width: Width = "full",
        scheme: Scheme = "light",
    ) -> Response:
        reading = await read(name, language)
        findings = await asyncio.to_thread(reading.findings, name, language)
        shown = await asyncio.to_thread(reading.show, name, language, sample)
        return kit.show(
            request,
            "template",
            message=name,
            tag=language,
            languages_of_message=reading.templates.languages(name),
            shown=shown,
            used=_used(reading, name, language, shown),
            findings=_together(findings, language_of(request)),
            marks=_marks(findings),
            samples=SAMPLES,
            sample=sample,
            view=view,
            width=width,
            scheme=scheme,
            unread=reading.unread,
        )

    @router.api_route("/{name}/{language}/html", methods=_SHOW)
    async def show_html(
        name: str, language: str, sample: SampleName = "complete", scheme: Scheme = "light"
    ) -> Response:
        reading = await read(name, language)
        shown = await asyncio.to_thread(reading.show, name, language, sample)
        if shown is None:
            raise refused("not_found", detail=N_("This message cannot be made: its page says why."))
        headers = {"Content-Security-Policy": MAIL_CSP, "Cross-Origin-Opener-Policy": "unsafe-none"}
        return HTMLResponse(framed(shown.html, scheme), headers=headers)


def _rows(reading: Reading) -> Sequence[Mapping[str, Any]]:
    """Each message with its languages: what its subject says, and how many findings each sample has."""
    return [
        {
            "name": message,
            "languages": [
                {
                    "tag": tag,
                    "subject": reading.subject(message, tag),
                    "marks": _marks(reading.findings(message, tag)),
                }
                for tag in reading.templates.languages(message)
            ],
        }
        for message in reading.templates.names
    ]


def _marks(findings: Sequence[Finding]) -> Mapping[str, Mapping[str, Any]]:
    """How many findings show in each sample, and how bad the worst is. What shows in none is counted for each."""
    found = {sample: [one for one in findings if not one.samples or sample in one.samples] for sample in SAMPLES}
    return {
        sample: {"count": len(those), "wrong": any(one.severity is Severity.ERROR for one in those)}
        for sample, those in found.items()
    }


def _together(findings: Iterable[Finding], language: str) -> Sequence[Mapping[str, Any]]:
    """Findings as they are shown: what a layout does to every mail is said once, with all the places; errors first."""
    places: dict[tuple[Severity, str], list[Finding]] = defaultdict(list)
    for one in findings:
        said = translate(one.text, language)
        places[one.severity, said % one.values if one.values else said].append(one)
    order = tuple(Severity)
    return [
        {"severity": severity.value, "said": said, "at": those}
        for (severity, said), those in sorted(places.items(), key=lambda item: order.index(item[0][0]))
    ]


def _used(reading: Reading, message: str, language: str, shown: Preview | None) -> Mapping[str, str]:
    """The made-up values that this template uses."""
    if shown is None:
        return {}
    values = {
        "email": shown.sample.recipient,
        "unsubscribe_url": shown.sample.unsubscribe_url,
        **shown.sample.values,
    }
    if shown.sample.product_name is not None:
        values["product_name"] = shown.sample.product_name
    uses = reading.templates.used_in(message)[language]
    return {name: value for name, value in sorted(values.items()) if name in uses}
