"""docs/reference/replies.md against the code."""

from gatepost.transport.outcome import Fault
from tests.docs.pages import code_words, rows, section
from tests.docs.replies import BEGIN, PAGE, generated


def test_the_page_has_the_table():
    """Row by row as the code decides; `python -m tests.docs.replies` brings the page up to date."""
    assert PAGE.read_text().partition(BEGIN)[2] == f"\n\n{generated()}"


def test_every_fault_of_a_server_is_explained():
    """The page says what each fault is and how often it is probed."""
    explained = rows(section(PAGE.read_text(), "Faults of a server"))
    assert [code_words(cells[0])[0] for cells in explained] == [str(fault) for fault in Fault]
