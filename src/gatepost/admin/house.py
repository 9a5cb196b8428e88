"""What every page of the operators needs, handed in once by the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from gatepost.accounts.gate import Gate
from gatepost.admin.kit import AdminKit
from gatepost.database.connection import Work
from gatepost.web.context import WebContext

T = TypeVar("T")


class Write(Protocol):
    """Runs a work in one durable transaction, and rings the worker after it."""

    async def __call__(self, work: Work[T], /) -> T: ...


@dataclass(frozen=True, kw_only=True)
class House:
    """The operators' pages of one Gatepost.

    Args:
        web: what every route of ours needs.
        gate: the parts of the account flows; sessions of operators live as long as those of accounts.
        kit: shows the pages.
        write: runs a work in one durable transaction, and rings the worker after it.
        usable: each submission server this process submits to, and whether messages may go there.
        masked_link: the link in a message of this template, without its token; None where it has none.
    """

    web: WebContext
    gate: Gate
    kit: AdminKit
    write: Write
    usable: Callable[[], Mapping[str, bool]]
    masked_link: Callable[[str], str | None]
