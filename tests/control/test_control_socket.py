"""The socket beside the database: what is heard, from whom, how much and for how long."""

import asyncio
import contextlib
import os
import socket
import tempfile
from pathlib import Path

import pytest

from gatepost.audit.trail import MAX_REASON_CHARACTERS, Signature
from gatepost.control import listener as listening
from gatepost.control.line import MAX_LINE_BYTES, NotUnderstood, Wish, read_answer
from gatepost.control.listener import MAX_CONVERSATIONS
from gatepost.errors import (
    ActionRefused,
    DatabaseUnavailable,
    FieldError,
    GatepostError,
    InvalidInput,
    MessageInFlight,
    NoSuchMessage,
    NoSuchSuppression,
    StartRefused,
)
from gatepost.events import RequestFailed
from gatepost.feedback.fact import MAX_EVENT_ID_CHARACTERS
from tests.support.control import HOLD, Place, ask


async def test_a_wish_is_carried_out_and_answered(place: Place) -> None:
    """The values, the reason, and who asks as the system knows it; whatever comes of it comes back."""
    values = {"action": "hold", "message": "x", "reason": " wrong text "}
    assert place.operator.answer == await ask(place.database, Wish("message", values))
    by = Signature(actor=f"command line (uid {os.getuid()})", reason="wrong text")
    assert [(values, by)] == place.operator.asked
    place.operator.answer = {"any": [{"thing": None}, 7, "ü"]}
    assert place.operator.answer == await ask(place.database, Wish("message", {}))
    assert None is place.operator.asked[-1][1].reason


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NoSuchMessage("none"), NoSuchMessage),
        (NoSuchSuppression("none"), NoSuchSuppression),
        (InvalidInput([FieldError("address", "invalid", "No.")]), NotUnderstood),
        (GatepostError("cannot be done"), GatepostError),
        (MessageInFlight("under way"), MessageInFlight),
        (ActionRefused("not so"), ActionRefused),
        (DatabaseUnavailable("full"), DatabaseUnavailable),
        (ZeroDivisionError("secret"), NotUnderstood),
    ],
    ids=repr,
)
async def test_a_refusal_arrives_as_what_it_is(place: Place, error: Exception, told: type[Exception]) -> None:
    """With its sentence; a bug shows nothing of itself and is told to the log."""
    place.operator.answer = error
    with pytest.raises(told) as refused:
        await ask(place.database, HOLD)
    assert type(refused.value) is told
    bug = isinstance(error, ZeroDivisionError)
    assert (str(error) in str(refused.value)) is not bug
    assert [one.error for one in place.heard if isinstance(one, RequestFailed)] == ["ZeroDivisionError"] * bug


async def test_the_longest_reason_and_twenty_facts_fit(place: Place) -> None:
    """As many of the widest characters as are allowed, escaped as JSON does it."""
    reason = "\U0001f600" * MAX_REASON_CHARACTERS
    fact = {"event_id": "\U0001f600" * MAX_EVENT_ID_CHARACTERS, "text": reason, "recipient": "x" * 320}
    wish = Wish("message", {"reason": reason, "facts": [fact] * 20})
    assert len(wish.line()) <= MAX_LINE_BYTES
    await ask(place.database, wish)
    assert [(wish.values, reason)] == [(values, by.reason) for values, by in place.operator.asked]


async def test_more_than_a_line_holds_is_not_sent(place: Place) -> None:
    """The command says so before anybody is asked."""
    with pytest.raises(NotUnderstood, match="an order has at most"):
        await ask(place.database, Wish("message", {"text": "x" * MAX_LINE_BYTES}))
    assert [] == place.operator.asked


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"[]\n",
        b"{}\n",
        b"\xff\n",
        b'{"order": "message"}\n',
        b'{"order": "message", "values": []}\n',
        b'{"order": ["message"], "values": {}}\n',
        b'{"order": "drop", "values": {}}\n',
        b'{"order": "message", "values": {"reason": 7}}\n',
        b'{"order": "message", "values": {}}',  # cut off before its end
        b"[" * 5_000 + b"\n",
        b"x" * (MAX_LINE_BYTES * 3),
    ],
    ids=lambda raw: repr(raw[:40]),
)
async def test_what_is_no_wish_is_refused_and_nothing_is_done(place: Place, raw: bytes) -> None:
    """Whatever arrives, in bounded memory; a line that was cut off is not carried out."""
    assert "not_understood" == (await place.said(raw))["refused"]
    assert ([], []) == (place.operator.asked, [one for one in place.heard if isinstance(one, RequestFailed)])


async def test_a_reason_that_cannot_be_kept_is_refused(place: Place) -> None:
    """The socket is no way round the bounds."""
    for reason in ("x" * (MAX_REASON_CHARACTERS + 1), "\0", "\ud800"):
        assert "invalid_input" == (await place.said(Wish("message", {"reason": reason}).line()))["refused"]
    assert [] == place.operator.asked


async def test_who_says_nothing_is_cut_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open line is no place for ever."""
    monkeypatch.setattr(listening, "LINE_TIMEOUT_S", 0.05)
    async with place.connected() as (reader, writer):
        writer.write(b'{"action"')
        async with asyncio.timeout(10):
            assert b"" == await reader.read()


async def test_more_than_a_few_at_once_are_told_to_come_again(place: Place) -> None:
    """Those under way are answered all the same."""
    place.operator.may_answer.clear()
    asking = [asyncio.create_task(ask(place.database, HOLD)) for _ in range(MAX_CONVERSATIONS)]
    for _ in range(MAX_CONVERSATIONS):
        await place.operator.heard.acquire()
    with pytest.raises(DatabaseUnavailable, match="too many"):
        await ask(place.database, HOLD)
    place.operator.may_answer.set()
    assert [place.operator.answer] * MAX_CONVERSATIONS == await asyncio.gather(*asking)
    assert place.operator.answer == await ask(place.database, HOLD)


async def test_another_user_is_refused_before_it_is_read(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system says who is at the other end, whatever the line says; root is heard."""
    monkeypatch.setattr(listening, "uid_of_peer", lambda connection: os.geteuid() + 1)
    assert "only the service's own user and root" in (await place.said(HOLD.line()))["detail"]
    assert [] == place.operator.asked
    monkeypatch.setattr(listening, "uid_of_peer", lambda connection: 0)
    assert "held" == (await place.said(HOLD.line()))["done"]["state_after"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try as somebody else")
async def test_the_system_says_who_asks() -> None:
    """A process of another user, although the file's mode would let it in, is refused; and its line is not read."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        place = Place(Path(folder))
        await place.control.open()
        os.chmod(folder, 0o711)
        os.chmod(place.path, 0o666)
        child = os.fork()
        if child == 0:
            _ask_as_nobody(place.path)
        code = os.waitstatus_to_exitcode((await asyncio.to_thread(os.waitpid, child, 0))[1])
        await place.control.close()
    assert (0, []) == (code, place.operator.asked)


def _ask_as_nobody(path: Path) -> None:
    """In a child: end with 0 when the answer is a refusal of this user."""
    code = 1
    try:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(path))
            with contextlib.suppress(BrokenPipeError):  # the refusal may come, and the end with it, before the line
                client.sendall(HOLD.line())
            code = 0 if b"own user and root may do this, not uid 65534" in client.recv(1000) else 3
    finally:
        os._exit(code)


async def test_a_socket_of_a_stranger_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where others may write into the folder, anybody could lay a socket there: nothing is sent to it."""
    place = Place(tmp_path)
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await reader.read())
        writer.close()

    server = await asyncio.start_unix_server(listen, place.path)
    stranger = place.database.stat().st_uid + 1000
    monkeypatch.setattr("gatepost.control.asking.uid_of_peer", lambda connection: stranger)
    with pytest.raises(StartRefused, match="which is not the service's user"):
        async with asyncio.timeout(10):
            await ask(place.database, HOLD)
    assert b"" == await got
    server.close()


@pytest.mark.parametrize(
    "line", [b"", b"x", b"{}\n", b'{"done": 7}\n', b'{"refused": "new"}\n', b'{"refused": []}\n'], ids=repr
)
def test_an_answer_of_another_version_is_told(line: bytes) -> None:
    """What this version does not know is no success."""
    with pytest.raises(NotUnderstood):
        read_answer(line)
