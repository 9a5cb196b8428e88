"""/admin/servers: each submission server, whether messages may go there, and what it said last."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from gatepost.activity.replies import SHOWN, Said, last_replies
from gatepost.admin.access import only
from gatepost.admin.house import House
from gatepost.admin.server_news import Outage, ServerNews
from gatepost.operators.role import Role
from gatepost.operators.sessions import CurrentOperator
from gatepost.settings import Settings
from gatepost.transport.reply_table import explain
from gatepost.transport.server import Server

_TLS = {
    "starttls": "STARTTLS, required",
    "implicit": "TLS from the first byte",
    "none": "no TLS: this machine only",
}
# Why a server cannot be used, in words; see `gatepost.transport.outcome.Fault`.
_CAUSES = {
    "connection": "No connection could be made, or it broke.",
    "tls": "No connection could be encrypted, or its certificate is not valid.",
    "closing": "It turned us away and asks to come back later.",
    "authentication": "It does not accept our login. Put the credentials in SMTP_URL right.",
    "silence": "It did not answer in time.",
}


@dataclass(frozen=True)
class ServerCard:
    """One server as the page shows it.

    Args:
        name: `host:port`, or the folder of the development mailbox.
        way: how it is talked to; None for a folder.
        login: how we prove who we are; None: not at all.
        rate: messages a second; None for as many as it takes.
        usable: whether messages may go there; None where another process submits.
        outage: why not, and since when, where this process knows.
        cause: the same in words.
        replies: what it said last, newest first, each with what that means.
    """

    name: str
    way: str | None
    login: str | None
    rate: float | None
    usable: bool | None
    outage: Outage | None
    cause: str | None
    replies: tuple[tuple[Said, str], ...]


def add_servers(router: APIRouter, house: House) -> None:
    """Add the page."""
    news = ServerNews(house.web.events, house.web.clock)

    @router.api_route("/servers", methods=["GET", "HEAD"])
    async def show_servers(
        request: Request, current: Annotated[CurrentOperator, Depends(only(house, Role.SUPPORT))]
    ) -> Response:
        replies = dict(await house.web.database.read(last_replies))
        cards = _cards(house.web.settings, house.usable(), news, replies)
        nowhere = [(said, _means(said)) for said in replies.pop("", ())]
        others = {name: [(said, _means(said)) for said in several] for name, several in replies.items()}
        return house.kit.show(
            request, "servers", current=current, servers=cards, nowhere=nowhere, others=others, shown=SHOWN
        )


def _cards(
    settings: Settings, usable: Mapping[str, bool], news: ServerNews, replies: dict[str, tuple[Said, ...]]
) -> list[ServerCard]:
    """A card for each server, in the order of preference; their replies are taken out of `replies`."""
    known = {Server(host=one.host, port=one.port, tls=one.tls).name: one for one in settings.smtp_url}
    cards = []
    for name in known or usable:
        one, outage = known.get(name), news.outage_of(name)
        cards.append(
            ServerCard(
                name=name,
                way=_TLS[one.tls] if one else None,
                login=one.mechanism if one and (one.username or one.token_file) else None,
                rate=one.rate if one else None,
                usable=usable.get(name),
                outage=outage,
                cause=_CAUSES.get(outage.cause) if outage else None,
                # What is written to a folder names no server.
                replies=tuple((said, _means(said)) for said in replies.pop(name if one else "", ())),
            )
        )
    return cards


def _means(said: Said) -> str:
    return explain(said.outcome, said.phase, said.reply_code, said.enhanced_status)
