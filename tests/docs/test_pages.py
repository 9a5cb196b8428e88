"""All pages: links lead somewhere, lists are complete, and nothing of ours names what is not part of the project."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from gatepost.outbox.lifecycle import State
from tests.docs.pages import REFERENCE, ROOT, anchors, code_words, own_files, rows, section, text_files
from tests.docs.test_states import reasons

PAGES = [path for path in own_files() if path.suffix == ".md"]
DECISIONS = ROOT / "docs" / "decisions"
# Put together here, so that this file does not hold them.
FORBIDDEN = [
    "../" + "shared",
    "DESIGN" + ".md",
    "SEAM" + ".md",
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "index" + "-url",
    "INDEX" + "_URL",
]


def without_blocks(text: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def without_code(text: str) -> str:
    """A page without its fenced blocks and code words."""
    return re.sub(r"`[^`\n]*`", "", without_blocks(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_internal_links_resolve(page: Path):
    """Every link to another page, file or heading of the repository leads to one that is there."""
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = unquote(target).partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors(there.read_text()), f"{target}: there is no such heading"


def test_every_page_is_in_the_index():
    """docs/README.md names each page, and the list of decisions each decision."""
    index = (ROOT / "docs" / "README.md").read_text()
    decisions = (DECISIONS / "README.md").read_text()
    inside = ROOT / "docs"
    for page in PAGES:
        if page.is_relative_to(DECISIONS) and page.name != "README.md":
            assert f"({page.name})" in decisions, page.name
        elif page.is_relative_to(inside) and page != inside / "README.md":
            assert f"({page.relative_to(inside)})" in index, page.name


def test_decisions_have_their_parts_and_numbers_of_their_own():
    """Each decision has context, decision with its bold line, consequences, alternatives, and its file's number."""
    pages = [page for page in PAGES if page.is_relative_to(DECISIONS) and page.name != "README.md"]
    numbers = [page.name[:4] for page in pages]
    assert sorted(numbers) == sorted(set(numbers))
    for page in pages:
        text = page.read_text()
        headings = re.findall(r"^## (\w+)", text, re.MULTILINE)
        assert (page.name, headings) == (page.name, ["Context", "Decision", "Consequences", "Alternatives"])
        assert text.startswith(f"# {page.name[:4]}")
        assert section(text, "Decision").strip().startswith("**"), page.name


def test_support_has_a_sentence_for_every_state_and_reason():
    """The page for support explains each state and each reason, once."""
    page = (ROOT / "docs" / "how-to" / "answer-i-never-got-the-mail.md").read_text()
    states = [code_words(cells[0])[0] for cells in rows(section(page, "What the state says"))]
    said = [code_words(cells[0])[0] for cells in rows(section(page, "What the reason says"))]
    assert sorted(states) == sorted(map(str, State))
    assert sorted(said) == sorted(reasons())


def test_files_that_pages_name_exist():
    """A path in a page, from the root, the package or the page's own folder, is one that is there."""
    for page in PAGES:
        for word in code_words(without_blocks(page.read_text())):
            if re.fullmatch(r"\.?[\w-]+(/[\w.-]+)*/[\w-]+\.(py|md|toml)", word):
                places = (ROOT / word, ROOT / "src" / "gatepost" / word, page.parent / word)
                assert any(place.exists() for place in places), f"{page.name} names {word}"


def test_settings_that_pages_name_exist():
    """No page names a GATEPOST_… that the settings page does not have."""
    known = set(re.findall(r"^### (GATEPOST_\w+)$", (REFERENCE / "settings.md").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"GATEPOST_[A-Z0-9_]+[A-Z0-9]", page.read_text()))
        assert {name for name in named if not name.startswith("GATEPOST_SERVICE")} - known == set(), page.name


def test_nothing_names_a_registry_or_what_is_not_part_of_the_project():
    """No file of the repository holds the address of a package registry or names a file beside the repository."""
    found = [f"{path.relative_to(ROOT)}: {word}" for path, text in text_files() for word in FORBIDDEN if word in text]
    assert found == []


def test_every_glossary_word_is_explained_once():
    """The glossary is in alphabetical order and has each word once."""
    words = [cells[0].lower() for cells in rows((ROOT / "docs" / "glossary.md").read_text())]
    assert words == sorted(set(words))
