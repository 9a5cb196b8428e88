"""docs/how-to/test-your-mail.md does what it says: its code runs, its tables are complete."""

import inspect
import re
import subprocess
import sys
import types
import typing
from pathlib import Path

from gatepost.testing import AtOnce, Behaviour, Greylist, PerConnection, Policy, Step, SubmissionServer, Throttle
from gatepost.transport.folder import SLOW_S
from gatepost.transport.switch import Behaviour as OnThePage
from tests.docs.pages import ROOT, code_words, fenced, rows, section

PAGE = (ROOT / "docs" / "how-to" / "test-your-mail.md").read_text("utf-8")
TIMEOUT_S = 120


def test_the_fixture_of_the_page_passes(tmp_path: Path) -> None:
    """The page's tests, in a file of their own, pass."""
    (code,) = [block for block in fenced(PAGE, "python") if "pytest.fixture" in block]
    file = tmp_path / "test_mail.py"
    file.write_text(code, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "two_mails", file]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert (0, True) == (done.returncode, "1 passed" in done.stdout), done.stdout


def test_the_short_examples_run() -> None:
    """Each is complete as it stands; the first one waits for a sign-up, which is nobody's here."""
    examples = [block for block in fenced(PAGE, "python") if "pytest.fixture" not in block]
    assert len(examples) == 3
    for code in examples[1:]:
        exec(code, {})


def test_every_step_and_behaviour_has_its_row() -> None:
    """None is missing, and there is no other."""
    tables = rows(section(PAGE, "Let it misbehave"))
    named = {code_words(cells[0])[0] for cells in tables}
    behaviours = {one for one in typing.get_args(Behaviour) if one is not Policy} | {
        AtOnce,
        Greylist,
        Throttle,
        PerConnection,
    }
    assert isinstance(Behaviour, types.UnionType)
    assert {step.name for step in Step} | {one.__name__ for one in behaviours} == named


def test_every_argument_has_its_row() -> None:
    """The table of arguments is that of the class."""
    named = {word for cells in rows(section(PAGE, "TLS, logins, limits")) for word in code_words(cells[0])}
    assert set(inspect.signature(SubmissionServer).parameters) == named
    for counter in re.findall(r"`(\w+_\w+)`", PAGE.split("It counts")[1].split("\n")[0]):
        assert hasattr(SubmissionServer(), counter)


def test_every_behaviour_of_the_development_mail_server_has_its_row() -> None:
    """The switch of the mailbox page offers these; the table has no other."""
    tables = rows(section(PAGE, "Let the development mail server misbehave"))
    assert list(OnThePage) == [code_words(cells[0])[0] for cells in tables]
    assert f"answers after {SLOW_S:g} s" in PAGE
