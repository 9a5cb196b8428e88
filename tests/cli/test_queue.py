"""`gatepost queue`: held and released through the running service or alone, and how it stands."""

import json
import re
from pathlib import Path

import pytest

from gatepost.cli import text
from gatepost.outbox.lifecycle import UNACCEPTED
from gatepost.testing import SubmissionServer
from tests.cli.service import gatepost, running, until


def test_a_held_queue_sends_nothing_until_it_is_released(tmp_path: Path) -> None:
    """Beside a running service: registrations answer as before, their mail waits, and goes at once at the release."""
    with SubmissionServer.in_thread() as server, running(tmp_path, SMTP_URL=f"smtp://127.0.0.1:{server.port}") as one:
        one.ready()
        held = gatepost(tmp_path, "queue", "hold", "--reason", "the server moves")
        assert (held.returncode, held.stderr) == (0, "")
        assert re.fullmatch(r"the queue is held since \S+Z; `gatepost queue release` lets it go on\n", held.stdout)
        assert one.register("ann@example.com") == 202
        stats = json.loads(gatepost(tmp_path, "queue", "stats", "--json").stdout)
        assert (stats["by_state"]["queued"], stats["workers"], stats["hold"]["reason"]) == (2, 1, "the server moves")
        assert "HELD since" in gatepost(tmp_path, "queue", "stats").stdout
        again = gatepost(tmp_path, "queue", "hold")
        assert (again.returncode, "held already" in again.stderr) == (1, True)
        assert [] == server.messages
        released = json.loads(gatepost(tmp_path, "queue", "release", "--json").stdout)
        until(lambda: len(server.messages) == 2)
        assert ("release", True) == (released["action"], released["held_s"] >= 0)
        one.stop()
        assert one.wait() == 0
        told = [event["event"] for event in one.events() if event["event"].startswith("queue_")]
    assert ["queue_held", "queue_released"] == told


def test_without_a_service_it_is_held_for_the_next_one(tmp_path: Path) -> None:
    """The row is in the database, not in a process; who is not there does not work."""
    assert gatepost(tmp_path, "migrate").returncode == 0
    assert gatepost(tmp_path, "queue", "hold", "--json").returncode == 0
    stats = gatepost(tmp_path, "queue", "stats").stdout
    assert re.search(r"^queue +HELD since \S+Z by command line \(uid \d+\)$", stats, re.M)
    assert re.search(r"^oldest waits +nothing waits$", stats, re.M)
    assert re.search(r"^workers +none: nothing is sent$", stats, re.M)
    assert re.fullmatch(r"the queue goes on, after \d s\n", gatepost(tmp_path, "queue", "release").stdout)
    nothing = gatepost(tmp_path, "queue", "release")
    assert (1, "gatepost: The queue is not held. Nothing is to be released.\n") == (nothing.returncode, nothing.stderr)
    shown = json.loads(gatepost(tmp_path, "queue", "stats", "--json").stdout)
    assert {str(state) for state in UNACCEPTED} | {"unknown"} == set(shown["by_state"])
    assert (None, None, 0, 0.0) == tuple(
        shown[name] for name in ("oldest_waiting_at", "hold", "workers", "accepted_per_second")
    )


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59.6, "1 min"), (3_605, "1 h 5 s"), (100_000, "1 d 3 h"), (185, "3 min 5 s")]
)
def test_durations_have_two_units_at_most(seconds: float, words: str) -> None:
    """The largest two that are not zero."""
    assert words == text.duration(seconds)
