"""What the page shows under load is what the database says and what the mail server took."""

from pathlib import Path

from gatepost.cli.serving import LAST_ANSWERS_S
from tests.admin.agreement import agree

INSTANTS = 20
# A second on a machine of one's own, see agreement.py; here others have their turns.
WITHIN_S = 3.0


def test_the_page_agrees_with_the_database_and_the_ledger(tmp_path: Path) -> None:
    """At random instants each figure is one that was true a moment ago; and watching delays no stop."""
    found = agree(tmp_path, INSTANTS, within_s=WITHIN_S)
    assert () == found.wrong
    assert found.messages > INSTANTS
    assert found.refused > 0
    assert found.stop_s < LAST_ANSWERS_S  # what a stop gives to streams that do not end
