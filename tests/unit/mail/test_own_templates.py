"""A product's own templates: beside ours, in our layout, with values of their own, and told at once when wrong."""

import shutil
from collections.abc import Mapping
from email import policy
from email.parser import BytesHeaderParser
from pathlib import Path

import pytest

from gatepost.errors import ComposeError, TemplateError
from gatepost.mail.compose import Composed, Composer
from gatepost.mail.draft import Draft
from gatepost.mail.template import COMMON
from gatepost.mail.templates import PACKAGED, Templates
from tests.unit.mail.hostile import NAMES_IN_UNIT_TESTS, names
from tests.unit.mail.test_compose import LINK, MESSAGE_ID, NOW_MS, RESET_URL, parts, read
from tests.unit.mail.test_templates import MESSAGES, VALUES

PAGE = "https://acme.example/orders/1042"
GIVEN = {"number": "1042", "page": PAGE}
ENGLISH = {
    "subject.txt": "Order {{ number }}",
    "body.txt": "{{ name }}, your order {{ number }}: {{ page }}",
    "body.html": '<!-- preheader: Hi --><h1>Away</h1><p>{{ name }}, {{ number }}: <a href="{{ page }}">here</a></p>',
}


def write(folder: Path, message: str = "order_shipped", language: str = "en", **changed: str) -> Path:
    """Write one message in one language, with files replaced (named like body_html)."""
    files = ENGLISH | {name.replace("_", "."): text for name, text in changed.items()}
    (folder / message / language).mkdir(parents=True)
    for name, text in files.items():
        (folder / message / language / name).write_text(text, "utf-8")
    return folder


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our layouts with two of our messages: loading all of them for every test takes long."""
    folder = tmp_path_factory.mktemp("ours")
    for name in ("layout.txt", "layout.html"):
        shutil.copy(PACKAGED / name, folder / name)
    for name in ("verification", "welcome"):
        shutil.copytree(PACKAGED / name, folder / name)
    return folder


def draft(template: str = "order_shipped", locale: str = "en", **values: str) -> Draft:
    return Draft(template=template, locale=locale, recipient="ada@example.com", values=values)


def compose(templates: Templates, values: Mapping[str, str], template: str = "order_shipped") -> Composed:
    composer = Composer(
        templates,
        sender="Acme <hello@acme.example>",
        product_name="Acme",
        public_url="https://acme.example",
        reset_url=RESET_URL,
    )
    return composer.compose(
        template=template,
        locale="en",
        recipient="ada@example.com",
        message_id=MESSAGE_ID,
        values=values,
        now_ms=NOW_MS,
    )


# What is in the folder


def test_a_message_of_the_product_stands_beside_ours_in_our_layout(ours: Path, tmp_path: Path) -> None:
    """It is composed as ours are: List-Id by its name, our page around it, its values in it."""
    templates = Templates(own=write(tmp_path))
    assert tuple(sorted((*MESSAGES, "order_shipped"))) == templates.names
    content = compose(templates, {**GIVEN, "name": "Ada"}).content
    message = read(content)
    assert ("<order-shipped.acme.example>", "Order 1042") == (message["List-Id"], message["Subject"])
    text, page = parts(content)
    assert text.startswith(f"Ada, your order 1042: {PAGE}\n")
    assert "@media (prefers-color-scheme: dark)" in page
    assert f'<a href="{PAGE}"' in page


def test_a_language_is_added_to_a_message_of_ours_and_another_replaced(ours: Path, tmp_path: Path) -> None:
    """What is not there stays as it is, in other languages and in other messages."""
    german = {"subject_txt": "Willkommen", "body_txt": "Hallo", "body_html": "<!-- preheader: Hallo --><p>Hallo</p>"}
    chinese = german | {"subject_txt": "欢迎"}
    write(write(tmp_path, "welcome", "de", **german), "welcome", "zh-cn", **chinese)
    packaged, templates = Templates(ours), Templates(ours, own=tmp_path)
    assert ("de", "en", "zh-cn") == templates.languages("welcome")
    assert ("Willkommen", "欢迎") == tuple(
        templates.render("welcome", locale, VALUES).subject for locale in ("de-AT", "zh-Hans")
    )
    assert packaged.render("welcome", "en", VALUES) == templates.render("welcome", "en", VALUES)
    assert packaged.render("verification", "zh", VALUES) == templates.render("verification", "zh", VALUES)


def test_a_layout_of_the_product_stands_around_all_messages(ours: Path, tmp_path: Path) -> None:
    """Each of the two layouts for itself; one that is not there is ours."""
    (write(tmp_path) / "layout.txt").write_text("ACME\n{# content #}")
    templates = Templates(ours, own=tmp_path)
    welcome, order = (templates.render(name, "en", {**VALUES, **GIVEN}) for name in ("welcome", "order_shipped"))
    assert welcome.text.startswith("ACME\nHi")
    assert order.text.startswith("ACME\nAda")
    assert Templates(ours).render("welcome", "en", VALUES).html == welcome.html
    (tmp_path / "layout.html").write_text("<html><body><i>{# content #}</i></body></html>")
    templates = Templates(ours, own=tmp_path)
    assert "<i><h1>Welcome" in templates.render("welcome", "en", VALUES).html


def test_values_of_functions_names_are_values(ours: Path, tmp_path: Path) -> None:
    """A product may call a value what Jinja calls a function."""
    templates = Templates(ours, own=write(tmp_path, body_txt="{{ range }} {{ dict }}"))
    assert {"range", "dict", "number", "page"} == templates.own_values("order_shipped")
    text, _ = parts(compose(templates, {**GIVEN, "range": "3 to 5", "dict": "x"}).content)
    assert text.startswith("3 to 5 x\n")


@pytest.mark.parametrize(
    ("message", "language", "files", "complaint"),
    [
        ("Order-Shipped", "en", {}, r"Order-Shipped names no message\. Use small letters"),
        ("o" * 51, "en", {}, r"names no message"),
        ("order_shipped", "english", {}, r"english names no language\. Use its tag"),
        ("order_shipped", "pt_BR", {}, r"pt_BR names no language"),
        ("order_shipped", "de", {}, r"order_shipped/en is missing"),
        ("order_shipped", "en", {"body_txt": "{{ link }}"}, r"order_shipped/en uses link, which only messages of ours"),
        ("order_shipped", "en", {"body_txt": "{{ number | round }}"}, r"en/body\.txt cannot be filled"),
        ("order_shipped", "en", {"body_html": "<p>Hi</p>"}, r"en/body\.html must begin with <!-- preheader"),
        ("order_shipped", "en", {"subject_txt": "{{ number"}, r"en/subject\.txt does not compile"),
        ("welcome", "de", {}, r"welcome/de/subject\.txt uses number, which has no value there"),
        ("welcome", "de", {"subject_txt": "{{ link }}"}, r"welcome/de/subject\.txt uses link, which has no value"),
        (
            "verification",
            "de",
            {
                "subject_txt": "Hallo",
                "body_txt": "Hallo",
                "body_html": '<!-- preheader: a --><a href="{{ link }}">a</a>',
            },
            r"verification/de/body\.txt does not use link",
        ),
        (
            "verification",
            "de",
            {"subject_txt": "Hallo", "body_txt": "{{ link }}", "body_html": "<!-- preheader: a --><p>a</p>"},
            r"verification/de/body\.html does not use link",
        ),
    ],
)
def test_what_is_wrong_is_told_at_the_start(
    ours: Path, tmp_path: Path, message: str, language: str, files: dict[str, str], complaint: str
) -> None:
    """The error names the file or folder and the way out, before anybody gets a mail."""
    with pytest.raises(TemplateError, match=complaint):
        Templates(ours, own=write(tmp_path, message, language, **files))


def test_a_folder_that_is_not_there_or_empty_is_told(ours: Path, tmp_path: Path) -> None:
    """A mount that failed does not send people other words."""
    with pytest.raises(TemplateError, match="nowhere is no folder"):
        Templates(ours, own=tmp_path / "nowhere")
    with pytest.raises(TemplateError, match="is empty"):
        Templates(ours, own=tmp_path)


def test_a_file_that_is_missing_is_named(ours: Path, tmp_path: Path) -> None:
    """A language of the product has all three files too."""
    (write(tmp_path) / "order_shipped" / "en" / "body.html").unlink()
    with pytest.raises(TemplateError, match=r"order_shipped/en/body\.html is missing: every language"):
        Templates(ours, own=tmp_path)


def test_a_file_that_is_no_utf_8_is_named(ours: Path, tmp_path: Path) -> None:
    """What an old editor wrote is told, not sent as other characters."""
    (write(tmp_path) / "order_shipped" / "en" / "body.txt").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(TemplateError, match=r"body\.txt is no UTF-8 at byte 2: save it as UTF-8"):
        Templates(ours, own=tmp_path)


# Drafts


def test_a_draft_gives_what_its_templates_use_in_every_language(ours: Path, tmp_path: Path) -> None:
    """A value that only one language uses is needed as well; name and time may be given."""
    write(write(tmp_path), "order_shipped", "de", body_txt="{{ number }} {{ greeting }} {{ page }}")
    templates = Templates(ours, own=tmp_path)
    templates.check(draft(**GIVEN, greeting="Hallo", name="Ada", when="today"))
    templates.check(draft(number="", page="", greeting=""))
    with pytest.raises(TemplateError, match=r"A draft for order_shipped must give greeting, if only as an empty text"):
        templates.check(draft(**GIVEN))


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (draft(), r"order_shipped must give number, page"),
        (draft(**GIVEN, nmae="Ada"), r"order_shipped has no place for nmae\. It takes name, number, page, when"),
        (draft(**GIVEN, email="a@b.example"), r"has no place for email"),
        (draft(**GIVEN, link=LINK), r"has no place for link"),
        (draft("welcome", number="1042"), r"welcome has no place for number\. It takes name, when"),
        (draft("goodbye"), r"no template 'goodbye'\. There are: order_shipped, verification, welcome"),
        (draft("verification"), r"verification carries a link with a token"),
        (draft(**GIVEN | {"number": 1042}), r"value number of a draft for order_shipped is no text"),  # type: ignore[arg-type]
        (draft(**GIVEN | {"number": "x" * 2001}), r"has more than 2000 characters"),
        (draft(**GIVEN | {"number": "a\x00b"}), r"holds NUL or half of a character"),
        (draft(**GIVEN, name="\ud800"), r"value name of a draft for order_shipped holds NUL or half"),
        (draft(**GIVEN | {"page": "/orders/1042"}), r"value page .* is where a link leads: give an absolute URL"),
        (draft(**GIVEN | {"page": "javascript:alert(1)"}), r"give an absolute URL"),
        (draft(**GIVEN | {"page": PAGE + "\u202e"}), r"give an absolute URL"),
        (draft(locale="", **GIVEN), r"locale of a draft for order_shipped is no language tag"),
        (draft(locale="de\x00", **GIVEN), r"no language tag"),
        (draft(locale="\ud800", **GIVEN), r"no language tag"),
    ],
)
def test_a_wrong_draft_is_refused_with_what_is_wrong(ours: Path, tmp_path: Path, wrong: Draft, complaint: str) -> None:
    """The error names message and value, in the call that makes the mistake, and repeats no value."""
    with pytest.raises(TemplateError, match=complaint):
        Templates(ours, own=write(tmp_path)).check(wrong)


def test_a_draft_for_our_notices_needs_nothing() -> None:
    """A product may promise ours too, save those with a token."""
    Templates().check(draft("welcome", name="Ada"))
    Templates().check(draft("password_changed", "zh-Hans-CN"))


# Values


def test_no_hostile_value_adds_a_field_or_ends_a_line(ours: Path, tmp_path: Path) -> None:
    """Of the whole corpus no value changes more than the words it stands in, and none becomes markup."""
    fields = BytesHeaderParser(policy=policy.default)
    templates = Templates(ours, own=write(tmp_path))
    plain = [item for item in fields.parsebytes(compose(templates, GIVEN).content).items() if item[0] != "Subject"]
    for hostile in names(NAMES_IN_UNIT_TESTS // 3):
        content = compose(templates, {**GIVEN, "number": hostile, "name": hostile}).content
        assert content.count(b"\r\n") == content.count(b"\r") == content.count(b"\n")
        assert max(map(len, content.split(b"\r\n"))) <= 78
        assert plain == [item for item in fields.parsebytes(content).items() if item[0] != "Subject"]
        text, page = parts(content)
        assert 5 == len(text.splitlines())
        assert [] == [mark for mark in ("<script", "<img", "\x00") if mark in page]


def test_a_value_is_one_printable_line_and_never_a_template(ours: Path, tmp_path: Path) -> None:
    """Line ends become spaces, what nobody sees goes, braces print as typed, markup is escaped in the page."""
    content = compose(
        Templates(ours, own=write(tmp_path)), {**GIVEN, "number": "7\r\n\r\n<b>{{ 7*7 }}\u202e\x00 & co"}
    ).content
    text, page = parts(content)
    assert "your order 7 <b>{{ 7*7 }} & co:" in text
    assert "7 &lt;b&gt;{{ 7*7 }} &amp; co:" in page
    assert "Order 7 <b>{{ 7*7 }} & co" == read(content)["Subject"]


def test_a_value_may_be_long(ours: Path, tmp_path: Path) -> None:
    """Two thousand characters are printed, in the subject too, and nothing beyond them."""
    content = compose(Templates(ours, own=write(tmp_path)), {**GIVEN, "number": "长" * 3000}).content
    assert f"Order {'长' * 2000}" == read(content)["Subject"]
    assert max(map(len, content.split(b"\r\n"))) <= 78


@pytest.mark.parametrize(
    "page", ["javascript:alert(1)", "/orders", 'https://a.example/"><script>', "https://a\n.example"]
)
def test_a_stored_address_that_is_none_is_refused_again(ours: Path, tmp_path: Path, page: str) -> None:
    """The row may have been changed: where a link leads is proved again when the mail goes out."""
    with pytest.raises(ComposeError, match="page is where a link leads"):
        compose(Templates(ours, own=write(tmp_path)), {**GIVEN, "page": page})


def test_a_value_that_is_not_stored_holds_the_message(ours: Path, tmp_path: Path) -> None:
    """A mail never goes out with a hole, unless its template asks first whether the value is there."""
    with pytest.raises(TemplateError, match=r"order_shipped/en/subject\.txt cannot be filled: 'number' is undefined"):
        compose(Templates(ours, own=write(tmp_path)), {"page": PAGE})
    asking = "{% if giver is defined %}From {{ giver }}{% endif %}"
    templates = Templates(ours, own=write(tmp_path / "asking", body_txt=asking))
    assert "From Bo" in parts(compose(templates, {**GIVEN, "giver": "Bo"}).content)[0]
    assert "From" not in parts(compose(templates, GIVEN).content)[0]


def test_s63_values_of_ours_cannot_be_given_by_a_row(ours: Path, tmp_path: Path) -> None:
    """Who the mail is from and where it leads is never read from a draft's values."""
    poisoned = dict.fromkeys(COMMON - {"name", "when"}, "https://evil.example")
    templates = Templates(ours, own=write(tmp_path))
    assert compose(templates, GIVEN) == compose(templates, {**GIVEN, **poisoned, "unknown": "x"})


def test_a_name_of_somebody_else_is_printed_as_a_name(ours: Path, tmp_path: Path) -> None:
    """With `as_name` nothing in a value becomes a link, as nothing in `name` does."""
    templates = Templates(
        ours, own=write(tmp_path, body_txt="{{ giver | as_name }}", subject_txt="{{ giver|as_name }} x")
    )
    content = compose(templates, {**GIVEN, "giver": "www.evil.example " + "y" * 100}).content
    assert "www. evil. example" in parts(content)[0]
    assert read(content)["Subject"].endswith("y x")
    assert 82 == len(read(content)["Subject"])
