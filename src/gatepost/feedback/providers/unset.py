"""A provider whose key is not set: nothing can prove that it was the provider, so nothing is taken."""

from collections.abc import Sequence
from dataclasses import dataclass

from gatepost.errors import NotProven
from gatepost.feedback.fact import Fact
from gatepost.feedback.provider import Posted


@dataclass(frozen=True)
class Unset:
    """Refuses everything.

    Args:
        name: the provider's.
        setting: what would have to be set, with its prefix.
    """

    name: str
    setting: str

    async def read(self, posted: Posted) -> Sequence[Fact]:
        """Refuse.

        Raises:
            NotProven: always.
        """
        raise NotProven(f"{self.setting} is not set")
