"""Chores are done every ten minutes, and those with more than a batch to do go on with a pause for the others."""

from sqlalchemy import Connection

from gatepost.database.connection import Database
from gatepost.delivery.chores import CHORES_EVERY_S, MORE_EVERY_S, Chore, Chores
from tests.support.clock import StillClock
from tests.support.delivery import Delivery, smtp_to


class _Hand(StillClock):
    """A clock whose time passes by hand alone."""

    def monotonic(self) -> float:
        return self._ahead_s


def _chore(name: str, batches: list[int], done: list[str]) -> Chore:
    def chore(tx: Connection, now_ms: int) -> int:
        done.append(name)
        return batches.pop(0) if batches else 0

    return chore


async def test_only_who_has_more_goes_on_and_with_a_pause(database: Database) -> None:
    """Nobody else's transaction is paid for, and whoever writes meanwhile comes in between."""
    done: list[str] = []
    clock = _Hand()
    chores = Chores(
        Delivery(database, smtp_to(1), clock).desk, [_chore("much", [9, 9, 3], done), _chore("little", [], done)]
    )
    steps = []
    for seconds in (0, 0, MORE_EVERY_S, MORE_EVERY_S / 2, MORE_EVERY_S / 2, MORE_EVERY_S, MORE_EVERY_S):
        clock.move(seconds)
        await chores.do()
        steps.append(" ".join(done))
        done.clear()
    assert ["much little", "", "much", "", "much", "much", ""] == steps


async def test_all_of_them_again_after_ten_minutes(database: Database) -> None:
    """Also while one of them still goes on: counted from when the last round of all began."""
    done: list[str] = []
    clock = _Hand()
    chores = Chores(
        Delivery(database, smtp_to(1), clock).desk, [_chore("much", [9] * 9, done), _chore("little", [], done)]
    )
    for seconds in (0, CHORES_EVERY_S - 1, 1):
        clock.move(seconds)
        await chores.do()
    assert ["much", "little", "much", "much", "little"] == done
