"""`gatepost feedback ingest`: reads reports that come by mail, and has what they say kept.

A mail server runs it for each mail, and repeats what it is told to repeat. Whatever goes wrong here is for later, so
that nothing that came back is lost over a setting or a database that is away.
"""

import asyncio
import json
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gatepost.cli import text
from gatepost.cli.incoming import STANDARD_INPUT, Incoming, incoming, is_maildir
from gatepost.cli.operating import Hints, perform
from gatepost.clock import SystemClock
from gatepost.errors import GatepostError, SettingsError
from gatepost.feedback.by_mail import read_mail
from gatepost.feedback.entity import MAX_MAIL_BYTES
from gatepost.feedback.fact import Fact
from gatepost.mail import return_path
from gatepost.orders.feedback import MAX_FACTS_IN_ORDER, plain
from gatepost.parts import build_keys
from gatepost.settings import Settings
from gatepost.settings.development import FILE_NAME

EX_TEMPFAIL = 75  # sysexits.h: what mail servers take for "try again later"

_HINTS = Hints(look="it is safe to read the same mail again")

feedback_cli = typer.Typer(no_args_is_help=True, help="Take what came back by mail: bounces and complaints.")


@feedback_cli.command("ingest")
def ingest(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH",
            help="Files with a mail each, and Maildirs; standard input where there is none, or for -.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each thing that came back.")
    ] = False,
) -> None:
    """Read delivery reports and complaints from mails, and note them beside the messages they are about."""
    chosen = paths or [STANDARD_INPUT]
    for path in chosen:
        if path != STANDARD_INPUT and not path.exists():
            raise typer.BadParameter(f"there is no {path}.")
        if path.is_dir() and not is_maildir(path):
            raise typer.BadParameter(f"{path} is no Maildir: it has no folders new and cur.")
    try:
        _Ingest(Settings.load(), as_json=as_json).run(chosen)
    except SettingsError as refusal:
        for problem in refusal.problems:
            text.complain(problem)
    except (GatepostError, OSError) as refusal:
        text.complain(str(refusal))
    except Exception:
        traceback.print_exc()  # a bug; a mail server would otherwise take the mail for undeliverable
    else:
        return
    text.complain("nothing is lost: read the same mail again later")
    raise typer.Exit(EX_TEMPFAIL)


class _Ingest:
    """One run: facts of several mails go into the database together; a mail is done when its facts are in there."""

    def __init__(self, settings: Settings, *, as_json: bool) -> None:
        self._settings = settings
        self._as_json = as_json
        self._keys = _keys_there(settings)
        self._clock = SystemClock()
        self._waiting: list[tuple[Incoming, Sequence[Fact]]] = []
        self._outcomes: Counter[str] = Counter()
        self._mails = 0
        self._warned = False

    def run(self, paths: Sequence[Path]) -> None:
        for mail in incoming(paths, MAX_MAIL_BYTES):
            self._mails += 1
            found = read_mail(mail.raw, keys=self._keys, now_ms=self._clock.now_ms())
            if found.nothing:
                self._outcomes["no report"] += 1
                self._print({"mail": mail.name, "nothing": found.nothing}, f"{mail.name} {found.nothing}")
                mail.done()
                continue
            if len(found.facts) + sum(len(facts) for _, facts in self._waiting) > MAX_FACTS_IN_ORDER:
                self._keep()
            self._waiting.append((Incoming(mail.name, b"", mail.file), found.facts))
        self._keep()
        if self._mails != 1 and not self._as_json:
            counted = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self._outcomes.items()))
            print(f"{self._mails} mails{counted and ': '}{counted}")

    def _keep(self) -> None:
        facts = [fact for _, facts in self._waiting for fact in facts]
        if not facts:
            return
        answer = asyncio.run(perform(self._settings, "feedback", plain(facts), hints=_HINTS))
        self._warn([one["not_believed"] for one in answer["taken"] if one["not_believed"]])
        outcomes = iter(answer["taken"])
        for mail, of_mail in self._waiting:
            for fact in of_mail:
                taken = next(outcomes)
                self._outcomes[taken["outcome"]] += 1
                self._print(_plain(mail, fact, taken), f"{mail.name}: {_in_words(fact, taken)}")
            mail.done()
        self._waiting.clear()

    def _print(self, plain: dict[str, Any], words: str) -> None:
        print(json.dumps(plain) if self._as_json else text.printable(words))

    def _warn(self, not_believed: Sequence[Sequence[int]]) -> None:
        if not_believed and not self._warned:
            self._warned = True
            hard, answers = not_believed[0]
            text.complain(
                f"{hard} of the last {answers} messages came back from mailboxes that do not exist: something else is"
                " wrong, and nobody is suppressed for it"
            )


def _plain(mail: Incoming, fact: Fact, taken: dict[str, Any]) -> dict[str, Any]:
    about = {name: taken[name] for name in ("outcome", "message", "state")}
    bounce = None if fact.bounce is None else str(fact.bounce)
    return {"mail": mail.name, "kind": str(fact.kind), "status": fact.status, "bounce": bounce, **about}


def _in_words(fact: Fact, taken: dict[str, Any]) -> str:
    said = " ".join(word for word in (fact.kind, fact.status, fact.bounce and f"({fact.bounce})") if word)
    if taken["message"] is None:
        return f"{said}: about no message that is known, {taken['outcome']}"
    state = f", which is {taken['state']} now" if taken["state"] else ""
    return f"{said}: {taken['outcome']} to message {taken['message']}{state}"


def _keys_there(settings: Settings) -> list[bytes]:
    """The subkeys of return paths; none is made here, where it would read nothing."""
    if not settings.secret_keys and not (settings.data_folder / FILE_NAME).exists():
        return []
    return build_keys(settings).all_for(return_path.USE)
