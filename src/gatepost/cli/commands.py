"""The commands and their options; docs/reference/cli.md describes each."""

import asyncio
import sys
import uuid
from collections.abc import Sequence
from typing import Annotated

import typer

from gatepost.cli import messages, operating, send_test, serving, text, working
from gatepost.cli.accounts import accounts_cli
from gatepost.cli.backup import back_up_database
from gatepost.cli.doctor.command import examine
from gatepost.cli.feedback import feedback_cli
from gatepost.cli.leaving import FAILED, REFUSED, failing
from gatepost.cli.operators import operator_cli
from gatepost.cli.person import erase_person, export_person
from gatepost.cli.queue import queue_cli
from gatepost.cli.suppressions import suppressions_cli
from gatepost.cli.templates import templates_cli
from gatepost.cli.watch import watch_messages
from gatepost.database.opening import open_database
from gatepost.database.schema import current_revision
from gatepost.errors import GatepostError, SettingsError
from gatepost.outbox.actions import Action
from gatepost.outbox.lifecycle import State
from gatepost.outbox.search import MAX_PAGE
from gatepost.settings import Settings
from gatepost.version import VERSION

# Tracebacks never show local variables: they hold secrets.
cli = typer.Typer(
    name="gatepost",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
messages_cli = typer.Typer(
    no_args_is_help=True, help="Look at the outbox and act on it, beside a running service or without one."
)
cli.add_typer(messages_cli, name="messages")
cli.add_typer(suppressions_cli, name="suppressions")
cli.add_typer(accounts_cli, name="accounts")
cli.add_typer(feedback_cli, name="feedback")
cli.add_typer(operator_cli, name="operator")
cli.add_typer(queue_cli, name="queue")
cli.add_typer(templates_cli, name="templates")

MessageId = Annotated[uuid.UUID, typer.Argument(help="The message's id, as `messages list` prints it.")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with what was done, at most 500 characters.")]
_NO_SUCH_MESSAGE = "there is no message with the id {}; `gatepost messages list` lists them."
Json = Annotated[bool, typer.Option("--json", help="Print JSON, as GET /mail/messages answers it.")]
PlainJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code; the process's own arguments are taken when there are none."""
    try:
        cli(arguments, prog_name="gatepost")
    except SettingsError as refusal:
        for problem in refusal.problems:
            text.complain(problem)
        sys.exit(REFUSED)
    except GatepostError as refusal:
        text.complain(str(refusal))
        sys.exit(REFUSED)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"gatepost {VERSION}")
        raise typer.Exit


@cli.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Sign-up and the mail that goes with it: the answer never waits for mail, no promised message is ever lost."""


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Listen on this address instead of GATEPOST_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Listen on this port instead of GATEPOST_PORT.")] = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Answer requests only; `gatepost worker` sends the mail.")
    ] = False,
) -> None:
    """Run the service in the foreground until SIGTERM or Ctrl+C."""
    settings = Settings.load(command_line={"host": host, "port": port})
    raise typer.Exit(serving.serve(settings, worker=not no_worker))


@cli.command()
def worker(
    slots: Annotated[
        int | None,
        typer.Option(min=1, max=256, help="Submit up to so many messages at a time, instead of GATEPOST_WORKER_SLOTS."),
    ] = None,
) -> None:
    """Send the mail in the foreground, without HTTP, until SIGTERM or Ctrl+C."""
    raise typer.Exit(working.work(Settings.load(command_line={"worker_slots": slots})))


@cli.command()
def config(as_json: PlainJson = False) -> None:
    """Print every setting with its value and its source; secrets are masked."""
    settings = Settings.load()
    if as_json:
        text.as_json(
            {row.name: {"value": row.value, "source": row.source} for row in settings.describe()},
        )
    else:
        text.columns(("setting", "value", "source"), settings.describe())
    for warning in settings.warnings:
        text.complain(warning)


@cli.command()
def migrate(as_json: PlainJson = False) -> None:
    """Bring the database to this version's schema, as a start of the service does too."""
    name, revision = asyncio.run(_migrate(Settings.load()))
    if as_json:
        text.as_json({"database": name, "revision": revision})
    else:
        print(f"{name} is at schema revision {revision}, the one this version needs.")


async def _migrate(settings: Settings) -> tuple[str, str | None]:
    database = await open_database(settings.database_url, wait_for_owner_s=0)
    try:
        return database.url, await database.read(current_revision)
    finally:
        await database.close()


@messages_cli.command("list")
def list_messages(
    recipient: Annotated[str | None, typer.Option(help="Only to this address.")] = None,
    state: Annotated[State | None, typer.Option(help="Only in this state.")] = None,
    template: Annotated[str | None, typer.Option(help="Only of this template.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MAX_PAGE, help="At most so many.")] = 50,
    before: Annotated[uuid.UUID | None, typer.Option(help="Only older than the message with this id.")] = None,
    as_json: Json = False,
) -> None:
    """List messages, newest first."""
    question = messages.Question(recipient, state, template, limit, before)
    asyncio.run(messages.print_list(Settings.load(), question, as_json=as_json))


@messages_cli.command("show")
def show_message(id: MessageId, as_json: Json = False) -> None:
    """Show one message: a sentence, every try, what came back, who opened its link, and what operators did to it."""
    if not asyncio.run(messages.print_one(Settings.load(), id, as_json=as_json)):
        text.complain(_NO_SUCH_MESSAGE.format(id))
        raise typer.Exit(FAILED)


@messages_cli.command("watch")
def watch(
    limit: Annotated[int, typer.Option(min=1, max=MAX_PAGE, help="The newest so many.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each move.")] = False,
) -> None:
    """Watch the newest messages move, until Ctrl+C."""
    watch_messages(Settings.load(), limit, as_json=as_json)


def _act(action: Action, id: uuid.UUID, reason: str | None, *, as_json: bool) -> None:
    hints = operating.Hints(
        look=f"look with `gatepost messages show {id}`",
        instead=f"POST /mail/messages/{id}/{action} does the same over HTTP",
    )
    values = {"action": str(action), "message": str(id), "reason": reason}
    with failing(_NO_SUCH_MESSAGE.format(id)):
        acted = asyncio.run(operating.perform(Settings.load(), "message", values, hints=hints))
    if as_json:
        text.as_json(acted)
    elif acted["result"] is None:
        print(f"{id}: {acted['state_before']} → {acted['state_after']}")
    else:
        print(f"{id} is sent again as {acted['result']}")


@messages_cli.command("hold")
def hold_message(id: MessageId, reason: Reason = None, as_json: PlainJson = False) -> None:
    """Stop a message that waits, until it is released or cancelled."""
    _act(Action.HOLD, id, reason, as_json=as_json)


@messages_cli.command("release")
def release_message(id: MessageId, reason: Reason = None, as_json: PlainJson = False) -> None:
    """Let a held message go out now."""
    _act(Action.RELEASE, id, reason, as_json=as_json)


@messages_cli.command("cancel")
def cancel_message(id: MessageId, reason: Reason = None, as_json: PlainJson = False) -> None:
    """Stop a message, or its further copies, for good."""
    _act(Action.CANCEL, id, reason, as_json=as_json)


@messages_cli.command("resend")
def resend_message(id: MessageId, reason: Reason = None, as_json: PlainJson = False) -> None:
    """Send what went out, or failed, once more as a new message."""
    _act(Action.RESEND, id, reason, as_json=as_json)


cli.command("backup")(back_up_database)
cli.command("doctor")(examine)
cli.command("export")(export_person)
cli.command("erase")(erase_person)


@cli.command("send-test")
def send_a_test(
    address: Annotated[str, typer.Argument(help="Who gets the message.")],
    as_json: PlainJson = False,
) -> None:
    """Submit one short message at once, past the outbox, and print what the server answered."""
    if not asyncio.run(send_test.send(Settings.load(), address, as_json=as_json)):
        raise typer.Exit(FAILED)
