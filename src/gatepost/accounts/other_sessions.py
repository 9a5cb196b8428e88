"""End every session of one's account but the one that asks: for who finds a stranger in the list."""

from sqlalchemy import Connection

from gatepost.accounts.gate import Gate
from gatepost.accounts.profile import take_signed_in
from gatepost.accounts.sessions import Current, end_all
from gatepost.events import SignedOut


async def end_other_sessions(gate: Gate, current: Current, *, request_id: str) -> None:
    """End every session of this account but the current one; nothing happens where there is no other.

    Raises:
        NotSignedIn: the session ended meanwhile: whoever was put out puts nobody else out.
        TryLater: nothing was done, or nobody knows.
    """

    def work(tx: Connection) -> int:
        account = take_signed_in(tx, current)
        return end_all(tx, account.id, spare=current.session_id)

    if count := await gate.database.write(work):
        account_id = str(current.account.id)
        gate.events.emit(SignedOut(request_id=request_id, account_id=account_id, reason="ended", count=count))
