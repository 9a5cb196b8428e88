"""docs/how-to/change-what-mails-say.md does what it says: its folder loads, its draft is taken, its values are all."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gatepost.mail.draft import Draft
from gatepost.mail.template import COMMON, LINK
from gatepost.mail.templates import PACKAGED, Templates
from gatepost.mail.values import FILTERS, MAX_VALUE_CHARACTERS
from tests.docs.pages import ROOT, code_words, fenced, rows, section

PAGE = (ROOT / "docs" / "how-to" / "change-what-mails-say.md").read_text("utf-8")
_FILE = re.compile(r"^`([\w/-]+\.(?:txt|html))`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    """The packaged templates with the page's folder beside them."""
    for name, text in _FILE.findall(PAGE):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return Templates(own=tmp_path)


def test_the_folder_of_the_page_loads(templates: Templates) -> None:
    """Its six files are one more language for a message of ours, and one message more."""
    assert ("de", "en", "zh-CN") == templates.languages("verification")
    assert ("en",) == templates.languages("order_shipped")
    assert len(_FILE.findall(PAGE)) == 6


def test_the_draft_of_the_page_is_taken(templates: Templates) -> None:
    """It gives what its message uses, as the code of the page stands."""
    (code, _) = [block for block in fenced(PAGE, "python") if "Draft(" in block]
    names: dict[str, Draft] = {}
    exec(code, names)
    draft = names["draft"]
    templates.check(draft)
    common = dict.fromkeys(COMMON, "x")
    assert "Order 1042 is on its way" == templates.render("order_shipped", "en", {**common, **draft.values}).subject


def test_the_draft_about_safety_is_a_draft() -> None:
    """As its code stands, it goes out also to who unsubscribed."""
    (_, code) = [block for block in fenced(PAGE, "python") if "Draft(" in block]
    names: dict[str, Draft] = {}
    exec(code, names)
    assert names["draft"].security


def test_the_folder_of_the_page_has_no_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test that the page proposes passes over the folder that the page proposes."""
    for name, text in _FILE.findall(PAGE):
        file = tmp_path / "templates" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    (code,) = [block for block in fenced(PAGE, "python") if "lint(" in block]
    names: dict[str, Callable[[], None]] = {}
    exec(code, names)
    names["test_our_mails_are_right"]()


def test_the_table_of_values_is_complete() -> None:
    """Every value of ours has its row, and there is no other; every filter is named."""
    listed = [word for cells in rows(section(PAGE, "What is in the folder"))[3:] for word in code_words(cells[0])]
    assert sorted(COMMON | {LINK}) == sorted(listed)
    for name in FILTERS:
        assert re.search(rf"\b{name}\b", PAGE)
    assert f"{MAX_VALUE_CHARACTERS:,}" in PAGE


def test_the_marks_and_classes_are_those_of_our_layout() -> None:
    """What the page says of layouts is true of the packaged one."""
    layout = (PACKAGED / "layout.html").read_text("utf-8")
    look = section(PAGE, "Your own look")
    for cells in rows(look):
        assert code_words(cells[0])[0] in layout
    used = {
        name
        for body in PACKAGED.glob("*/*/body.html")
        for name in re.findall(r'class="(\w+)"', body.read_text("utf-8"))
    }
    (sentence,) = re.findall(r"classes (.*?)\.", look)
    assert used == set(code_words(sentence))
