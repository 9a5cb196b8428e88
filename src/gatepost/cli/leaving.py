"""How a command leaves: its exit codes, and which refusals mean which."""

import contextlib
from collections.abc import Iterator

import typer

from gatepost.cli import text
from gatepost.errors import (
    ActionRefused,
    LastOwner,
    NoSuchAccount,
    NoSuchMessage,
    NoSuchOperator,
    NoSuchSession,
    NoSuchSuppression,
    OperatorNameTaken,
    TryLater,
)

FAILED = 1  # what was asked for did not come about
REFUSED = 2  # a setting, an argument or this machine does not allow it


@contextlib.contextmanager
def failing(missing: str) -> Iterator[None]:
    """Say in one sentence why what was asked for did not come about, and leave with FAILED; the rest is for `main`.

    Args:
        missing: the sentence where there is no row of the id.
    """
    try:
        yield
    except (NoSuchAccount, NoSuchMessage, NoSuchSession, NoSuchSuppression, NoSuchOperator):
        text.complain(missing)
        raise typer.Exit(FAILED) from None
    except (ActionRefused, OperatorNameTaken, LastOwner, TryLater) as refusal:
        text.complain(str(refusal))
        raise typer.Exit(FAILED) from None
