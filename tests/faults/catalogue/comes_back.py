"""Faults of what comes back after a server took a message: bounces by mail, and the events of a provider."""

import contextlib
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from gatepost.feedback.provider import Posted
from gatepost.testing import AcceptedMessage, Hang, Step
from tests.faults.entry import BOTH, SQLITE, fault
from tests.faults.mishaps import BOTH_TO_EACH, Mishap
from tests.faults.rest import wait_until
from tests.faults.rig import Rig
from tests.feedback.posting import OTHER_SECRET, SECRET, standard
from tests.feedback.reports import COMPLAINT, EXIM, MESSAGE_ID, POSTFIX, RETURN_PATH
from tests.support.processes import environment

EX_TEMPFAIL = 75
BOUNCES = "bounces@mail.acme.example"
_COMMAND_S = 60.0
_FACTS = """SELECT feedback.source, kind, bounce, message_id
    FROM feedback LEFT JOIN messages ON messages.id = feedback.message ORDER BY 1, 2, 3, 4"""
_SUPPRESSIONS = "SELECT address_key, reason, scope, source FROM suppressions ORDER BY 1, 2"
_KEPT = "SELECT count(*) FROM feedback WHERE applied_at IS NULL"
_MESSAGES = "SELECT id, message_id, recipient_key FROM messages ORDER BY id"

COPIES = 3  # of each event
SENDERS = 8
OLD_S = 3600
MAX_REPETITIONS = 1_000


@fault(87, name="accepted, then bounced", shows="I1 I3 I4", databases=BOTH, seeded=True)
def accepted_then_bounced(rig: Rig) -> None:
    """A bounce, a full mailbox and a complaint, each read in spite of kills, and twice: one fact each, and its move."""
    mishap = Mishap(rig, rig.mail_server(), RETURN_PATH=BOUNCES)
    people = mishap.register()
    mishap.wait_for_accepted(people)
    gone, full, complaining = (
        rig.chance.choice([one for one in mishap.mail.messages if one.recipient == address])
        for address in rig.chance.sample(people, 3)
    )
    for report in (_report(POSTFIX, gone), _report(EXIM, full), _report(COMPLAINT, complaining)):
        _read_in_spite_of_a_kill(mishap, report)
        assert 0 == _ingest(mishap, report)
    facts, suppressions = mishap.system.tables.read(_FACTS, _SUPPRESSIONS)
    books = mishap.finish(ends={"bounced"})

    states = {one.message_id: one.state for one in books.messages}
    assert ["bounced", "bounced", "accepted"] == [states[one.message_id] for one in (gone, full, complaining)]
    assert 2 == list(states.values()).count("bounced")
    assert [
        ("arf", "complained", None, complaining.message_id),
        ("dsn", "bounced", "hard", gone.message_id),
        ("dsn", "bounced", "soft", full.message_id),
    ] == [tuple(row) for row in facts]
    scope = "all_but_security" if b"List-Unsubscribe:" in complaining.content else "all"
    assert sorted(
        [(gone.recipient, "hard_bounce", "all", "dsn"), (complaining.recipient, "complaint", scope, "arf")]
    ) == [tuple(row) for row in suppressions]


def _report(sample: str, taken: AcceptedMessage) -> bytes:
    """A report about this mail, to the return path it went out with."""
    about = sample.replace(RETURN_PATH, taken.return_path).replace(MESSAGE_ID, taken.message_id.strip("<>"))
    return about.replace("gone@example.com", taken.recipient).encode()


def _read_in_spite_of_a_kill(mishap: Mishap, report: bytes) -> None:
    """Run the command, and kill it or the service under way; repeat it as a mail server does."""
    chance = mishap.rig.chance
    victim = chance.choice(("command", "service"))
    with _running(mishap, report) as command:
        time.sleep(chance.uniform(0.0, 1.0))  # the moment of the kill; nothing is waited for
        if victim == "command":
            command.kill()
        else:
            mishap.system.fronts[0].kill()
        code = command.wait(_COMMAND_S)
    mishap.system.revive()
    assert code in (0, EX_TEMPFAIL) or (victim, code) == ("command", -9), f"exit code {code}"
    if code != 0:
        assert 0 == _ingest(mishap, report)


def _ingest(mishap: Mishap, report: bytes) -> int:
    with _running(mishap, report) as command:
        return command.wait(_COMMAND_S)


def _running(mishap: Mishap, report: bytes) -> subprocess.Popen[bytes]:
    path = mishap.rig.folder / f"{uuid.uuid4()}.eml"
    path.write_bytes(report)
    command = [str(Path(sys.executable).with_name("gatepost")), "feedback", "ingest"]
    env = environment(mishap.system.fronts[0].settings)
    with path.open("rb") as mail:
        return subprocess.Popen(command, env=env, cwd=mishap.rig.folder, stdin=mail, stdout=subprocess.DEVNULL)


@dataclass(frozen=True)
class Post:
    """One post, and the status it must be answered with."""

    posted: Posted
    status: int


@fault(96, name="events replayed, out of order, forged", shows="I1 I3 I4 I8", databases=BOTH, seeded=True, ci=SQLITE)
def events_replayed_out_of_order_forged(rig: Rig) -> None:
    """In any order, three times each, before the server has answered, in spite of a kill: every message ends right.

    What is forged, changed, too old or not signed is answered 401 and leaves nothing.
    """
    mishap = Mishap(rig, rig.mail_server(), FEEDBACK_STANDARD_SECRETS=SECRET)
    mishap.mail.at(Step.TAKEN, Hang(), recipient="early-*")
    mishap.wait_for_accepted(mishap.register())
    mishap.register(1, label="early")
    mishap.mail.wait_for_blocking(5 * BOTH_TO_EACH, 20)
    plan = _Plan(rig, mishap.system.tables.read(_MESSAGES)[0])
    answers = _post_in_spite_of_a_kill(mishap, plan.posts)
    assert [post.status for post in plan.posts] == answers
    mishap.mail.clear()
    mishap.hasten_copies()
    assert 0 == mishap.system.stop(), mishap.system.text
    mishap.system.start()  # what was kept by a process that is dead is found by the next
    wait_until(lambda: mishap.system.tables.read(_KEPT)[0][0][0] == 0, "facts are kept whose messages are settled")
    facts, suppressions = mishap.system.tables.read(_FACTS, _SUPPRESSIONS)
    books = mishap.finish(copies=2 * BOTH_TO_EACH, ends={"delivered", "bounced"})

    for one in books.messages:
        assert one.state in plan.ends[one.message_id], f"{one} came to a wrong end: {plan.told[one.message_id]}"
    assert (plan.facts, 1) == (len(facts), sum(row[3] is None for row in facts))
    assert plan.suppressed == {(address, reason) for address, reason, *_ in suppressions}


class _Plan:
    """What a provider tells of each message, in the order of chance, and what must come of it."""

    def __init__(self, rig: Rig, messages: Sequence[Sequence[object]]) -> None:
        self.ends: dict[str, set[str]] = {}
        self.told: dict[str, list[str]] = {}
        self.suppressed: set[tuple[str, str]] = set()
        self.facts = 1
        self.posts: list[Post] = []
        self._chance = rig.chance
        self._now_s = int(time.time())
        for row_id, message_id, recipient in messages:
            self._tell(uuid.UUID(bytes=bytes(row_id)), str(message_id), str(recipient))  # type: ignore[call-overload]
        self._post("message.bounced", {"id": str(uuid.uuid4()), "status": "5.1.1"})
        rig.chance.shuffle(self.posts)

    def _tell(self, row_id: uuid.UUID, message_id: str, recipient: str) -> None:
        early = recipient.startswith("early")
        kinds = [one for one in ("delivered", "delayed", "bounced", "complained") if self._chance.random() < 0.5]
        kinds = [one for one in kinds if not (early and one == "complained")]  # its copies must still go out
        hard = "bounced" in kinds and not early and self._chance.random() < 0.5
        for kind in kinds:
            data = {"id": str(row_id)} if self._chance.random() < 0.5 else {"message_id": message_id}
            status = {"status": "5.1.1" if hard else "5.7.1"} if kind == "bounced" else {}
            self._post(f"message.{kind}", data | status)
        self._forge(row_id)
        self.facts += len(kinds)
        self.told[message_id] = kinds
        moved = next((one for one in ("bounced", "delivered") if one in kinds), None)
        self.ends[message_id] = {moved} if moved else {"accepted", "unknown"}
        self.suppressed |= {(recipient, "hard_bounce")} if hard else set()
        self.suppressed |= {(recipient, "complaint")} if "complained" in kinds else set()

    def _post(self, kind: str, data: dict[str, str]) -> None:
        event = {"type": kind, "timestamp": "2026-11-24T09:30:00Z", "data": data}
        signed = standard(event, at_s=self._now_s, own_id=f"msg_{uuid.uuid4().hex}")
        self.posts += [Post(signed, 200)] * COPIES

    def _forge(self, row_id: uuid.UUID) -> None:
        """Four ways to bounce a message that nobody bounced."""
        event = {"type": "message.bounced", "data": {"id": str(row_id), "status": "5.1.1"}}
        own_id = f"msg_{uuid.uuid4().hex}"
        signed = standard(event, at_s=self._now_s, own_id=own_id)
        forged = (
            standard(event, secret=OTHER_SECRET, at_s=self._now_s, own_id=own_id),
            replace(signed, body=signed.body.replace(b"5.1.1", b"5.1.2")),
            standard(event, at_s=self._now_s - OLD_S, own_id=own_id),
            replace(signed, headers={}),
        )
        self.posts += [Post(one, 401) for one in forged]


def _post_in_spite_of_a_kill(mishap: Mishap, posts: Sequence[Post]) -> list[int]:
    """Post all of it from several clients; a front end is killed under way. What is not answered is posted again."""
    kill_at = mishap.rig.chance.randrange(len(posts))
    up = threading.Event()
    up.set()

    def post(number: int) -> int:
        if number == kill_at:
            up.clear()
            mishap.system.fronts[0].kill()
            mishap.system.revive()
            up.set()
        front = mishap.system.fronts[number % len(mishap.system.fronts)]
        posted = posts[number].posted
        fields = {name.replace("-", "_"): value for name, value in posted.headers.items()}
        for _ in range(MAX_REPETITIONS):
            assert up.wait(_COMMAND_S), "nothing came back after the kill"
            with contextlib.suppress(OSError):
                status, _, _ = front.request("POST", "/feedback/standard", posted.body, **fields)
                if status != 503:
                    return status
        raise AssertionError(f"a post was not answered {MAX_REPETITIONS} times")

    with ThreadPoolExecutor(SENDERS) as clients:
        return list(clients.map(post, range(len(posts))))
