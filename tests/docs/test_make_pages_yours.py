"""docs/how-to/make-pages-yours.md does what it says: its folder, its colours, its values, its forms."""

import inspect
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gatepost.accent import DEFAULT, accent_of
from gatepost.app import create_app
from gatepost.web.page_environment import EVERYWHERE, WITH_FORMS, our_loader, our_pages, page_environment, values_of
from tests.docs.pages import ROOT, code_words, fenced, rows, section

PAGE = (ROOT / "docs" / "how-to" / "make-pages-yours.md").read_text("utf-8")
_FILE = re.compile(r"^`([\w/-]+\.(?:html|css))`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MADE_OF = section(PAGE, "What a page is made of")
WORKSHOP = {"mail.html", "mailbox.html", "template.html", "templates.html"}


def source(name: str) -> str:
    """One of our templates."""
    return (files("gatepost.web") / "html" / name).read_text("utf-8")


def table_below(sentence: str) -> list[list[str]]:
    """The rows of the first table after a sentence of `What a page is made of`."""
    return rows("|".join(MADE_OF.partition(sentence)[2].partition("\n|")[1:]).partition("\n\n")[0])


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The Gatepost of the page with its folder."""
    (tmp_path / "pages").mkdir()
    for name, text in _FILE.findall(PAGE):
        (tmp_path / "pages" / name).write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    (code,) = fenced(PAGE, "python")
    exec(code, names)
    app = create_app(names["gatepost"])
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


def test_the_folder_of_the_page_works(client: TestClient) -> None:
    """Its stylesheet comes after ours on every page, and its words stand around our form."""
    assert 4 == len(_FILE.findall(PAGE))
    for path in ("/register", "/login", "/verify?token=x"):
        sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', client.get(path).text)
        assert "larch.css" in sheets[-1]
    assert "--card-radius: 4px" in client.get(sheets[-1]).text
    text = client.get("/register").text
    free, form, terms = (
        text.index(one) for one in ("Larch is free while", 'action="/register"', "larch.example/terms")
    )
    assert free < form < terms


def test_the_forms_of_the_folder_are_taken(client: TestClient) -> None:
    """Somebody can sign up."""
    text = client.get("/register").text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))
    typed = {"email": "ada@example.com", "password": "a long enough sentence"}
    answer = client.post("/register", data=fields | typed, headers={"origin": "http://127.0.0.1:8000"})
    assert (200, True) == (answer.status_code, "ada@example.com" in answer.text)


def test_the_colours_of_the_table_are_what_becomes_of_them() -> None:
    """Each row, for both schemes."""
    for cells in rows(section(PAGE, "A name, a logo, a colour")):
        colour, *shown = (code_words(cell)[0] for cell in cells)
        light, dark = accent_of(colour).light, accent_of(colour).dark
        assert [light.accent, light.on_accent, light.link, dark.accent, dark.on_accent, dark.link] == shown


def test_every_token_of_the_accent_is_named() -> None:
    """All of them, and no other."""
    named = [word for cells in rows(section(PAGE, "A folder of your own")) for word in code_words(cells[0])]
    assert {f"--{name}" for name in DEFAULT.light.tokens()} == {word for word in named if word.startswith("--")}
    tokens = source("../static/tokens.css")
    assert all(f"{name}:" in tokens for name in re.findall(r"^  (--[\w-]+):", PAGE, re.MULTILINE))


def test_every_block_is_named() -> None:
    """Those of page.html."""
    blocks = page_environment(our_loader()).get_template("page.html").blocks
    assert set(blocks) == {code_words(cells[0])[0] for cells in table_below("Its blocks:")}


def test_every_value_is_named() -> None:
    """What all pages are given, what pages with forms are given, and what each is given besides."""
    everywhere = {word for cells in table_below("Every page is given:") for word in code_words(cells[0])}
    assert EVERYWHERE == everywhere
    sentence = next(line for line in MADE_OF.splitlines() if line.startswith("All but"))
    assert {page for page in our_pages() if not values_of(page) >= WITH_FORMS} == set(code_words(sentence))
    assert WITH_FORMS == {code_words(cells[0])[0] for cells in table_below("All but")}
    told = {code_words(cells[0])[0]: set(code_words(cells[1])) for cells in table_below("And these more")}
    people = {page for page in our_pages() - WORKSHOP if not page.endswith("parts.html")}
    given = {page: set(values_of(page) - EVERYWHERE) for page in people}
    besides = {page: values - (WITH_FORMS if values >= WITH_FORMS else set()) for page, values in given.items()}
    assert {page: values for page, values in besides.items() if values} == told


def test_every_part_is_there_with_its_arguments() -> None:
    """As the page calls it, the rest having defaults."""
    parts = page_environment(our_loader()).get_template("parts.html").make_module({"_": str, "gettext": str})
    called = [code_words(cells[0])[0] for cells in rows(MADE_OF) if cells[0].startswith("`parts.")]
    assert 8 == len(called)
    for call in called:
        name, arguments = re.fullmatch(r"parts\.(\w+)\((.*)\)", call).groups()
        (declared,) = re.findall(rf"{{% macro {name}\((.*)\) %}}", source("parts.html"))
        needed = [one for one in re.split(r", (?![^\"]*\"(?:,|$))", declared) if "=" not in one]
        assert needed == arguments.split(", ")
        assert callable(getattr(parts, name))


def test_every_form_of_a_page_is_told_with_its_fields() -> None:
    """Where it goes, and the fields it has."""
    told = rows(section(PAGE, "What a page must keep"))
    forms = {page for page in our_pages() if len(re.findall(r'<form method="post"', source(page))) == 1} - WORKSHOP
    assert forms - {"account.html", "check_your_inbox.html"} <= {code_words(cells[0])[0] for cells in told}
    for page, action, fields in told:
        text = source(code_words(page)[0])
        assert f'action="{code_words(action)[0]}"' in text
        for field in code_words(fields):
            assert re.search(rf'name="{field}"|\("{field}"|parts\.(new_)?{field}\(', text), (page, field)
    assert inspect.cleandoc(PAGE).count("parts.hidden_fields(form_field, kept)") == 2
