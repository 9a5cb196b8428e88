"""Bounces as Postfix and Exim write them: a server behind them refuses, and what comes back is ingested."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from gatepost.testing import Refuse, Step, SubmissionServer
from tests.cli.service import gatepost, running, until
from tests.support.exim import exim
from tests.support.mail_server import HOST, MailServer
from tests.support.postfix import postfix


def messages(folder: Path) -> list[dict[str, Any]]:
    """All messages."""
    found: list[dict[str, Any]] = json.loads(gatepost(folder, "messages", "list", "--json").stdout)["messages"]
    return found


def reasons(folder: Path) -> list[str]:
    """Why addresses are suppressed."""
    return [
        one["reason"] for one in json.loads(gatepost(folder, "suppressions", "list", "--json").stdout)["suppressions"]
    ]


@pytest.mark.parametrize("software", [postfix, exim])
@pytest.mark.parametrize(
    ("reply", "suppressed", "return_path"),
    [("550 5.1.1 No such user here", ["hard_bounce"], "bounces@mail.tideline.example"), ("552 5.2.2 full", [], None)],
)
def test_what_a_real_server_sends_back_moves_its_message(
    tmp_path: Path,
    software: Callable[..., AbstractContextManager[MailServer]],
    reply: str,
    suppressed: list[str],
    return_path: str | None,
) -> None:
    """The report names the message, with a return path of its own and without; it says why, and that counts."""
    settings = {} if return_path is None else {"RETURN_PATH": return_path}
    with SubmissionServer.in_thread() as behind, software(next_port=behind.port) as server:
        behind.at(Step.RCPT, Refuse(reply))
        with running(tmp_path, SMTP_URL=f"smtp://{HOST}:{server.port}", **settings) as service:
            service.ready()
            assert service.register("away@example.com") == 202
            until(lambda: ["accepted", "accepted"] == [one["state"] for one in messages(tmp_path)])
            assert 2 == len(server.delivered())
            done = gatepost(tmp_path, "feedback", "ingest", str(server.maildir), **settings)
            assert (0, "", "2 mails: 2 applied") == (done.returncode, done.stderr, done.stdout.splitlines()[-1])
            assert ["bounced", "bounced"] == [one["state"] for one in messages(tmp_path)]
            assert suppressed == reasons(tmp_path)
