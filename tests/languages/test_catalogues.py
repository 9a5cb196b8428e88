"""The catalogues: nothing is missing, nothing is left over, and what is shipped is what stands in the source."""

import ast
import gettext
import io
import re
import string
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

from gatepost.web.catalogue import DOMAIN, LOCALE_FOLDER, translate
from gatepost.web.languages import LANGUAGES
from gatepost.web.problems import PROBLEMS
from gatepost.web.validation import _KINDS
from tests.docs.source import TREES, argument, calls, nodes, returned
from tests.languages.catalogues import PACKAGE, TRANSLATED, as_mo, as_po, extracted, folder, merged, written
from tests.support.visible import Visible

# What a text has in every language: the places of values, tags, code, and names that stand in the reader's own files.
_PLACES = re.compile(r"%\(\w+\)s")
_SAID_ALIKE = {"%(size)s KB"}
_TAGS = re.compile(r"<[^>]*>")
_CODE = re.compile(r"`[^`]*`|\b[A-Z]+_[A-Z_]+\b|\b\d[\d,]*\b")


def texts(catalogue: Catalog) -> set[str]:
    """The English texts of a catalogue."""
    return {str(message.id) for message in catalogue if message.id}


def marked() -> set[str]:
    """Every text that stands in an `N_(…)` of the package, read without Babel."""
    return {text for call in calls("N_") for text in argument(call, 0, "text")}


@pytest.fixture(params=TRANSLATED)
def language(request: pytest.FixtureRequest) -> str:
    """Each language but the one the code is written in."""
    return str(request.param)


def test_every_language_has_a_catalogue_and_every_catalogue_a_language():
    """The folders are the languages that can be chosen."""
    kept = {path.name for path in LOCALE_FOLDER.iterdir()}
    assert {language.replace("-", "_") for language in TRANSLATED} == kept


def test_every_marked_text_is_found():
    """What `N_` marks in the code is what the extraction finds there, and the templates add to it."""
    found = extracted()
    in_code = {str(one.id) for one in found if one.id and any(file.endswith(".py") for file, _ in one.locations)}
    in_pages = {str(one.id) for one in found if one.id and any(file.endswith(".html") for file, _ in one.locations)}
    assert marked() == in_code
    assert len(in_pages) > 40


def test_no_text_is_missing_and_none_is_left_over(language):
    """The catalogue holds exactly the texts of the package, each translated and none of them a guess."""
    catalogue = written(language)
    assert texts(extracted()) == texts(catalogue)
    assert [] == [message.id for message in catalogue if message.id and (message.fuzzy or not message.string)]
    assert {} == catalogue.obsolete


def test_the_source_is_as_the_tool_writes_it(language):
    """`./run languages` would change nothing: order, places and header are those of the code."""
    assert as_po(merged(language)) == (folder(language) / f"{DOMAIN}.po").read_bytes(), "./run languages renews it"


def test_what_is_shipped_is_what_the_source_says(language):
    """The compiled catalogue is, byte for byte, what the source compiles to."""
    assert as_mo(merged(language)) == (folder(language) / f"{DOMAIN}.mo").read_bytes()
    shipped = gettext.GNUTranslations(io.BytesIO((folder(language) / f"{DOMAIN}.mo").read_bytes()))
    assert [] == [m.id for m in written(language) if m.id and shipped.gettext(str(m.id)) != m.string]


@pytest.mark.parametrize("form", [_PLACES, _TAGS, _CODE], ids=["values", "tags", "code"])
def test_a_translation_keeps_what_is_no_word(language, form):
    """Places of values, tags with their attributes, code and figures are the same on both sides."""
    for message in written(language):
        text, said = str(message.id), str(message.string)
        assert not text or Counter(form.findall(text)) == Counter(form.findall(said)), said


def test_a_translation_is_no_copy(language):
    """No text was taken over as it is, and each ends as its original does: a sentence stays a sentence."""
    ends = {".": "。", "?": "？", ":": "："} if language == "zh-CN" else {}
    for message in written(language):
        text, said = str(message.id), str(message.string)
        if text:
            assert text != said or text in _SAID_ALIKE
            assert ends.get(text[-1], said[-1]) == said[-1], said


def test_chinese_is_written_with_its_own_signs():
    """Full-width punctuation between Han characters, and a space where letters or figures meet them."""
    han = "[\u4e00-\u9fff]"
    for message in written("zh-CN"):
        said = _TAGS.sub("", str(message.string)) if message.id else ""
        assert [] == re.findall(f"{han}[,.;:?!()]|[,;:?!()]{han}", said), said
        assert [] == re.findall(f"{han}[A-Za-z0-9`@%]|[A-Za-z0-9`@]{han}", said), said


# Where the texts stand in the calls that say something to a person.
_SAYING = {
    "FieldError": {"text": 2},
    "Problem": {"title": 2, "detail": 3},
    "refused": {"detail": 9},
    "_Refused": {"text": 0},
}


def said(within: ast.AST) -> list[ast.expr]:
    """What the calls inside a function or module are given to say."""
    given: list[ast.expr] = []
    for call in ast.walk(within):
        if isinstance(call, ast.Call):
            for name, place in _SAYING.get(ast.unparse(call.func).rpartition(".")[2], {}).items():
                given += call.args[place : place + 1]
                given += [keyword.value for keyword in call.keywords if keyword.arg == name]
    return given


def bare(value: ast.expr | None) -> bool:
    """Whether an expression is a text that is not marked, whole or put together."""
    return isinstance(value, ast.JoinedStr | ast.BinOp) or isinstance(getattr(value, "value", None), str)


def test_every_text_of_an_error_is_marked():
    """What a FieldError, a Problem or a refusal says is `N_(…)`, or a name that is never given anything else."""
    given = [one for tree in TREES.values() for one in said(tree)]
    assert len(given) > 50
    assert [] == [ast.unparse(one) for one in given if bare(one)]
    for function in nodes():
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            names = {one.id for one in said(function) if isinstance(one, ast.Name)}
            assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign) and bare(node.value)]
            wrong = [ast.unparse(node) for node in assigned if names & {ast.unparse(target) for target in node.targets}]
            assert [] == wrong


def test_every_text_that_is_chosen_is_marked():
    """Tables and functions that pick a text hold marked ones alone."""
    assert {text for _, _, text in _KINDS} <= marked()
    assert {text for row in PROBLEMS.values() for text in (row.title, row.detail)} <= marked()
    assert set() == returned("_what_is_wrong")


def test_nothing_that_is_marked_is_put_together():
    """`N_` takes one whole text: not a variable, not a formatted one."""
    wrong = [ast.unparse(call) for call in calls("N_") if not argument(call, 0, "text")]
    assert [] == wrong
    assert len(TREES) == len(list(PACKAGE.rglob("*.py")))


def test_no_template_holds_words_outside_the_marks():
    """What a template shows beside marks and expressions is no word."""
    marks = re.compile(
        r"{#.*?#}|{% trans.*?{% endtrans %}|{% block width %}.*?{% endblock %}|{%.*?%}|{{.*?}}", re.DOTALL
    )
    for path in sorted((PACKAGE / "web" / "html").glob("*.html")):
        shown = " ".join(Visible(marks.sub("", path.read_text())).words)
        shown = re.sub(r'[a-z-]+="[^"]*"', "", shown)  # a macro may give an element its attributes
        assert (path.name, []) == (path.name, re.findall(r"[^\W\d_]{2,}", shown))


def test_words_of_others_are_said_as_they_are():
    """What no catalogue has, the empty text too, comes back unchanged; values are filled in."""
    for language in LANGUAGES:
        assert "A host's own words" == translate("A host's own words", language)
        assert "" == translate("", language)
    assert "请至少使用 12 个字符。" == translate("Use at least %(limit)s characters.", "zh-CN", {"limit": 12})


def test_a_new_language_begins_with_every_text_untranslated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The tool makes the catalogue of a language that has none yet."""
    monkeypatch.setattr("tests.languages.catalogues.LOCALE_FOLDER", tmp_path)
    catalogue = merged("de")
    assert texts(extracted()) == texts(catalogue)
    assert {""} == {message.string for message in catalogue if message.id}
    assert '"Language: de' in as_po(catalogue).decode()


def test_the_names_of_languages_are_in_themselves():
    """Who looks for Chinese looks for 简体中文."""
    assert "English" == LANGUAGES["en"]
    assert not set(LANGUAGES["zh-CN"]) & set(string.ascii_letters)


def test_the_package_runs_without_babel():
    """Nothing of the package imports it: whoever installs Gatepost does not get it."""
    imported = {
        name.split(".")[0]
        for node in nodes()
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }
    assert "jinja2" in imported
    assert "babel" not in imported
