"""docs/how-to/ask-strangers-for-more.md does what it says: its check takes what its page finds, once."""

import dataclasses
import shutil
import subprocess
import time
from typing import Any

import pytest

from gatepost.accounts.challenge import CHALLENGE_TIMEOUT_S, MAX_ANSWER_CHARACTERS, Asked
from gatepost.accounts.limits import CHALLENGED
from tests.docs.pages import ROOT, code_words, fenced, rows

PAGE = (ROOT / "docs" / "how-to" / "ask-strangers-for-more.md").read_text("utf-8")
TIMEOUT_S = 60


@pytest.fixture
def check() -> Any:
    """The page's check, asking for less work."""
    names: dict[str, Any] = {}
    exec(fenced(PAGE, "python")[0], names)
    names["BITS"] = 6
    return names["ProofOfWork"]()


async def _find(check: Any, act: str, made_at: int) -> str:
    """Try numbers until one passes; the answer is spent by that, so the next check gets another number."""
    for number in range(10_000):
        answer = f"{made_at}:{number}"
        if await check(Asked(act, answer, "", True)):
            return answer
    raise AssertionError("10,000 numbers were not enough for 6 bits")


async def test_the_proof_of_the_page_passes_once_and_only_for_its_act(check: Any) -> None:
    """Nobody is asked without an alarm; in one, a found number is taken once, while it is young."""
    assert await check(Asked("register", None, "", False))
    assert not await check(Asked("register", None, "", True))
    now = int(time.time())
    answer = await _find(check, "register", now)
    assert not await check(Asked("register", answer, "", True))
    with pytest.raises(AssertionError, match="not enough"):
        await _find(check, "register", now - 1000)


async def test_what_the_page_looks_for_is_what_the_check_takes(check: Any) -> None:
    """The JavaScript of the page, run by node, finds an answer that the Python of the page takes."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine to run the page's JavaScript")
    script = fenced(PAGE, "javascript")[0].replace("(32 - 18)", "(32 - 6)")
    command = [node, "-e", f"{script}; prove('register').then((answer) => console.log(answer))"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout.strip()  # noqa: ASYNC221  # nothing else runs
    assert await check(Asked("register", found, "", True))


def test_the_table_is_what_a_check_is_asked() -> None:
    """Every field and act has its words, and the numbers are those of the code."""
    table = rows(PAGE)
    assert [field.name for field in dataclasses.fields(Asked)] == [code_words(cells[0])[0] for cells in table]
    assert sorted(CHALLENGED) == sorted(code_words(table[0][1]))
    assert f"{MAX_ANSWER_CHARACTERS:,} characters" in PAGE
    assert f"within {CHALLENGE_TIMEOUT_S:.0f} s" in PAGE
