"""Templates: complete, checked when loaded, in the nearest language, and never filled from what people typed."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gatepost.accent import DEFAULT
from gatepost.errors import TemplateError
from gatepost.mail.layout import coloured
from gatepost.mail.templates import PACKAGED, Templates

MESSAGES = (
    "account_deleted",
    "account_exists",
    "address_change",
    "address_change_notice",
    "password_changed",
    "password_reset",
    "verification",
    "welcome",
)
LANGUAGES = ("en", "zh-CN")
WITH_A_LINK = ("address_change", "address_change_notice", "password_reset", "verification")
WITHOUT_A_NAME = ("address_change",)  # people could write to strangers with one of their own choice
ADDRESSES = ("link", "public_url", "reset_url")
LINK = "https://acme.example/verify?token=AbCd-1_2"
VALUES = {
    "name": "Ada",
    "email": "ada@example.com",
    "link": LINK,
    "when": "2026-05-03 14:02 UTC",
    "where": "203.0.113.0/24",
    "new_address": "a***@example.org",
    "until": "2026-05-17 14:02 UTC",
    "product_name": "Acme",
    "public_url": "https://acme.example",
    "reset_url": "https://acme.example/reset",
    "unsubscribe_url": "",
}
TEMPLATES = Templates()


class _Page(HTMLParser):
    """What a page loads, where its links lead, and the words one reads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self._within_style = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._within_style = tag == "style"
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "background")]

    def handle_endtag(self, tag: str) -> None:
        self._within_style = False

    def handle_data(self, data: str) -> None:
        if not self._within_style:
            self.words.append(data)


def write(folder: Path, **files: str) -> Path:
    """Write a small folder of templates, with `files` replaced (named like body_html)."""
    contents = {
        "subject_txt": "Hello {{ name }}",
        "body_txt": "Text for {{ name }}",
        "body_html": "<!-- preheader: Hi --><p>Page for {{ name }}</p>",
        **files,
    }
    (folder / "layout.txt").write_text("{# content #}\n")
    (folder / "layout.html").write_text(
        "<html><head><style>p{color:red}</style></head><body>{# preheader #}{# content #}</body></html>"
    )
    language = folder / "hello" / "en"
    language.mkdir(parents=True)
    for name, content in contents.items():
        (language / name.replace("_", ".")).write_text(content)
    return folder


def test_every_message_is_there_in_every_language() -> None:
    """The messages of the account flows are packaged, and no language lacks one."""
    assert MESSAGES == TEMPLATES.names
    assert [LANGUAGES] * len(MESSAGES) == [TEMPLATES.languages(name) for name in MESSAGES]


@pytest.mark.parametrize("name", MESSAGES)
def test_a_language_folder_holds_its_three_files(name: str) -> None:
    """None is missing and none lies about unused."""
    found = {path.name: sorted(file.name for file in path.iterdir()) for path in (PACKAGED / name).iterdir()}
    assert {language: ["body.html", "body.txt", "subject.txt"] for language in LANGUAGES} == found


@pytest.mark.parametrize("language", LANGUAGES[1:])
@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("file", ["subject.txt", "body.txt", "body.html"])
def test_a_translation_uses_the_values_that_english_uses(name: str, language: str, file: str) -> None:
    """No placeholder is lost in translation, and a link stands as often as in English."""
    used = [re.findall(r"\{\{ (\w+)", (PACKAGED / name / one / file).read_text("utf-8")) for one in ("en", language)]
    assert set(used[0]) == set(used[1])
    assert [used[0].count(value) for value in ADDRESSES] == [used[1].count(value) for value in ADDRESSES]


@pytest.mark.parametrize("name", MESSAGES)
def test_both_parts_say_whom_they_are_for_and_what_to_do_if_it_was_not_you(name: str) -> None:
    """Text and page name the address, the product and the time, and tell a stranger that they may ignore the mail."""
    rendered = TEMPLATES.render(name, "en", VALUES)
    assert "Acme" in rendered.subject
    for part in (rendered.text, rendered.html):
        assert (name not in WITHOUT_A_NAME) is ("Ada" in part)
        for said in ("ada@example.com", "Acme", "2026-05-03 14:02 UTC", "gnore this mail"):
            assert said in part


@pytest.mark.parametrize("name", MESSAGES)
def test_without_a_name_and_a_time_it_still_reads_well(name: str) -> None:
    """Missing values leave no gap behind."""
    rendered = TEMPLATES.render(name, "en", {**VALUES, "name": "", "when": ""})
    assert rendered.text.startswith("Hi,\n")
    for part in (rendered.text, " ".join("".join(_Page(rendered.html).words).split())):
        assert not re.search(r" [,.?]| on[,.? ]*$|Hi ,", part)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", MESSAGES)
def test_s71_a_page_loads_nothing_and_leads_only_to_us(name: str, language: str) -> None:
    """No image, no script, no tracking: every link is the message's own or the product's."""
    rendered = TEMPLATES.render(name, language, VALUES)
    page = _Page(rendered.html)
    ours = {"https://acme.example", LINK, "https://acme.example/reset"}
    assert not page.tags & {"img", "script", "link", "iframe", "form", "object", "video", "audio", "base"}
    assert not re.search(r"url\(|@import|srcset|http-equiv", rendered.html)
    assert ours >= set(page.links)
    assert ours >= set(re.findall(r"https?://[^\s<>]+", rendered.text))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", WITH_A_LINK)
def test_a_link_is_a_button_and_bare(name: str, language: str) -> None:
    """The link stands behind the button, once more to be copied, and on a line of its own in the text."""
    rendered = TEMPLATES.render(name, language, VALUES)
    page = _Page(rendered.html)
    assert 2 == page.links.count(LINK)
    assert LINK in page.words
    assert LINK in rendered.text.split("\n")


@pytest.mark.parametrize("name", sorted(set(MESSAGES) - set(WITH_A_LINK)))
def test_a_notice_needs_no_link(name: str) -> None:
    """Messages without a token of their own are complete without a link."""
    assert TEMPLATES.render(name, "en", {key: VALUES[key] for key in VALUES if key != "link"}).text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", MESSAGES)
def test_a_page_has_its_look_inline_and_its_dark_look_in_the_head(name: str, language: str) -> None:
    """Colours stand in the elements, where every client sees them; media queries stay, because they cannot."""
    html = TEMPLATES.render(name, language, VALUES).html
    assert f'<html lang="{language}"' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media (max-width: 480px)" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert 'style="margin: 0 0 20px;' in html
    for unresolved in ("var(", "{{", "{%", "{#"):
        assert unresolved not in html


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ("#16201c", "#ffffff"),
        ("#16201c", "#eef1ef"),
        ("#55625d", "#ffffff"),
        ("#55625d", "#eef1ef"),
        ("#0b6b4d", "#ffffff"),
        ("#ffffff", "#0b6b4d"),
        ("#e8efec", "#18201d"),
        ("#e8efec", "#0f1513"),
        ("#a3b2ac", "#18201d"),
        ("#a3b2ac", "#0f1513"),
        ("#57cfa2", "#18201d"),
        ("#06231a", "#57cfa2"),
    ],
)
def test_text_is_easy_to_read(ink: str, paper: str) -> None:
    """Every pair of colours used for text has the contrast WCAG AA asks for (4.5), light and dark."""
    layout = coloured((PACKAGED / "layout.html").read_text(), DEFAULT)
    assert ink in layout
    assert paper in layout
    lighter, darker = sorted((_luminance(ink), _luminance(paper)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_s64_a_value_is_never_a_template() -> None:
    """Braces print as typed, and the page shows them without becoming markup."""
    hostile = "{{7*7}} {{config}} {% raw %} <b>&"
    rendered = TEMPLATES.render("verification", "en", {**VALUES, "name": hostile})
    assert f"Hi {hostile}," in rendered.text
    assert "{{7*7}} {{config}} {% raw %} &lt;b&gt;&amp;" in rendered.html


def test_s64_templates_are_sandboxed(tmp_path: Path) -> None:
    """A template cannot get at Python through a value."""
    with pytest.raises(TemplateError, match=r"hello/en/body\.txt cannot be filled: access to attribute"):
        Templates(write(tmp_path, body_txt="{{ name.__class__.__mro__ }}"))


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"subject_txt": "{{ name"}, r"en/subject\.txt does not compile"),
        ({"body_txt": "{% if name %}"}, r"en/body\.txt does not compile"),
        ({"body_html": "<!-- preheader: Hi --><p>{{ name | nonsense }}</p>"}, r"en/body\.html does not compile"),
        ({"body_html": "<p>Hi</p>"}, r"en/body\.html must begin with <!-- preheader"),
        ({"body_txt": "{{ nmae }}"}, r"en/body\.txt uses nmae, which has no value there\. There are: email, link,"),
        ({"body_txt": "{{ range(3) }}"}, r"en/body\.txt uses range, which has no value there"),
        ({"body_txt": "{% include 'x' %}"}, r"en/body\.txt includes another file"),
        ({"subject_txt": "{{ name | round }}"}, r"en/subject\.txt cannot be filled"),
        ({"subject_txt": " \n"}, r"en/subject\.txt is empty"),
        (
            {"body_html": "<!-- preheader: Hi --><table>{% if name %}<tr><td>a</td></tr>{% endif %}</table>"},
            r"en/body\.html: inlining the CSS changed a placeholder",
        ),
    ],
)
def test_a_broken_template_is_found_when_it_is_loaded(tmp_path: Path, files: dict[str, str], complaint: str) -> None:
    """The error names the file, before the first message needs it."""
    with pytest.raises(TemplateError, match=complaint):
        Templates(write(tmp_path, **files))


@pytest.mark.parametrize("missing", ["hello/en/subject.txt", "hello/en/body.txt", "hello/en/body.html", "layout.html"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    """A language has all of its files, or nothing starts."""
    (write(tmp_path) / missing).unlink()
    with pytest.raises(TemplateError, match=re.escape(missing)):
        Templates(tmp_path)


@pytest.mark.parametrize(
    ("file", "layout", "complaint"),
    [
        ("layout.txt", "{{ product_name }}", r"layout\.txt must have \{# content #\} once"),
        ("layout.txt", "{# content #}{{ link }}", r"layout\.txt uses link, which has no value there"),
        ("layout.html", "<html><body></body></html>", r"layout\.html must have \{# content #\} once"),
        ("layout.html", "<html><body>{# content #}{{ total }}</body></html>", r"layout\.html uses total"),
        ("layout.html", "<table>{# content #}<tr><td>a</td></tr></table>", r"layout\.html: inlining the CSS changed"),
    ],
)
def test_a_broken_layout_is_named_itself(tmp_path: Path, file: str, layout: str, complaint: str) -> None:
    """It stands around every message, so no message is blamed for it, and it may only use what all of them have."""
    (write(tmp_path) / file).write_text(layout)
    with pytest.raises(TemplateError, match=complaint):
        Templates(tmp_path)


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    """Editors that write one before UTF-8 may be used."""
    body = write(tmp_path) / "hello" / "en" / "body.html"
    body.write_text("\ufeff" + body.read_text())
    assert "\ufeff" not in Templates(tmp_path).render("hello", "en", VALUES).html


def test_a_message_needs_english(tmp_path: Path) -> None:
    """English is what every other language falls back to."""
    (write(tmp_path) / "hello" / "en").rename(tmp_path / "hello" / "de")
    with pytest.raises(TemplateError, match="hello/en is missing"):
        Templates(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """A wrong folder is told, not served."""
    with pytest.raises(TemplateError, match=r"layout\.txt cannot be read"):
        Templates(tmp_path)


def test_a_message_nobody_wrote_is_named() -> None:
    """The error lists what there is."""
    with pytest.raises(TemplateError, match=r"'goodbye'.*verification"):
        TEMPLATES.render("goodbye", "en", VALUES)


def test_s64_a_value_that_is_not_given_is_named() -> None:
    """A message never goes out with a hole in it."""
    with pytest.raises(TemplateError, match=r"verification/en/body\.txt cannot be filled: 'link' is undefined"):
        TEMPLATES.render("verification", "en", {key: VALUES[key] for key in VALUES if key != "link"})


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("zh-CN", "zh-CN"),
        ("zh_cn", "zh-CN"),
        ("zh-CN-x-private", "zh-CN"),
        ("de-AT", "de"),
        ("DE", "de"),
        ("zh", "zh-CN"),
        ("zh-Hant", "en"),
        ("fr", "en"),
        ("", "en"),
        ("../../etc", "en"),
        ("-" * 10_000, "en"),
    ],
)
def test_the_nearest_language_is_chosen(tmp_path: Path, locale: str, language: str) -> None:
    """The locale itself, else its language, else English; languages.py is asked, which has its own tests."""
    english = write(tmp_path) / "hello" / "en"
    for other in ("de", "zh-CN"):
        (tmp_path / "hello" / other).mkdir()
        for file in english.iterdir():
            (tmp_path / "hello" / other / file.name).write_text(file.read_text())
    templates = Templates(tmp_path)
    assert ("de", "en", "zh-CN") == templates.languages("hello")
    assert language == templates.render("hello", locale, VALUES).language
