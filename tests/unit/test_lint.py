"""The linter of mail templates: ours are clean, and for each rule there is a template that breaks it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gatepost.errors import TemplateUnknown
from gatepost.mail.compose import Composer
from gatepost.mail.linter.finding import Finding, Severity
from gatepost.mail.linter.lint import lint, lint_one
from gatepost.mail.linter.rules_message import CLIPPED_BYTES, LARGE_BYTES, check_header, check_size
from gatepost.mail.preview import Preview, preview, read_back
from gatepost.mail.samples import SAMPLES
from gatepost.mail.templates import Templates
from tests.docs.source import argument, calls

SITE = "https://acme.example"
HEAD = '<html lang="{# language #}"><head><title>{{ product_name }}</title></head>'
BODY = (
    '<body><div style="display:none">{# preheader #}</div>{# content #}'
    '<p><a href="{{ public_url }}">{{ product_name }}</a></p>{% if unsubscribe_url %}'
    '<p><a href="{{ unsubscribe_url }}">Stop</a></p>{% endif %}</body></html>'
)
CLEAN = {
    "layout.txt": "{# content #}\n\n{{ product_name }}\n{{ public_url }}\n{{ unsubscribe_url }}\n",
    "layout.html": HEAD + BODY,
    "order/en/subject.txt": "Your order {{ number }}",
    "order/en/body.txt": "Hi{% if name %} {{ name }}{% endif %}, it left us:\n\n{{ page }}\n",
    "order/en/body.html": (
        "<!-- preheader: It is on its way. --><p>Hi{% if name %} {{ name }}{% endif %}, it left us.</p>"
        '<p><a href="{{ page }}">Where is it?</a></p>'
    ),
}
END = CLEAN["order/en/body.html"]


def templates_of(folder: Path, files: Mapping[str, str]) -> Templates:
    """One clean message of a product, with `files` instead of some of it, and none of ours."""
    ours, own = folder / "ours", folder / "own"
    ours.mkdir()
    for place, contents in ((ours, ("layout.txt", "layout.html")), (own, {**CLEAN, **files})):
        for name in contents:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text({**CLEAN, **files}[name], "utf-8")
    return Templates(ours, own=own)


def composer_of(templates: Templates, public_url: str = SITE, sender: str = "Acme <hello@acme.example>") -> Composer:
    return Composer(
        templates, sender=sender, product_name="Acme", public_url=public_url, reset_url=f"{public_url}/reset"
    )


def linted(folder: Path, files: Mapping[str, str], **composer: str) -> list[Finding]:
    templates = templates_of(folder, files)
    return lint(templates, composer_of(templates, **composer))


def page(html: str) -> dict[str, str]:
    """The clean page with `html` at its end."""
    return {"order/en/body.html": END + html}


def layout(head: str = "", body: str = "") -> dict[str, str]:
    """The clean layout with more in its head and its body."""
    return {"layout.html": (HEAD.replace("</head>", f"{head}</head>") + BODY).replace("<p><a", f"{body}<p><a")}


# A rule, how bad it is, the file it names, the files that break it, and what the sentence says of them.
BROKEN = [
    (
        "subject_long",
        "warning",
        "subject.txt",
        {"order/en/subject.txt": "{{ number }}" + " long" * 16},
        "84 characters",
    ),
    ("text_markup", "warning", "body.txt", {"order/en/body.txt": "<b>It</b> left us:\n\n{{ page }}"}, "<b> stands"),
    (
        "leftover",
        "error",
        "body.txt",
        {"order/en/body.txt": "{% raw %}{{ name }}{% endraw %}, it left us:\n\n{{ page }}"},
        "{{ reaches",
    ),
    ("leftover", "error", "subject.txt", {"order/en/subject.txt": "Order {{ '{{ number }}' }}"}, "{{ reaches"),
    ("leftover", "error", "body.html", page("<p>{{ '{%' }} endif</p>"), "{% reaches"),
    (
        "gap",
        "warning",
        "body.txt",
        {"order/en/body.txt": "Hi {{ name }}, it left us:\n\n{{ page }}"},
        "Put them into the condition",
    ),
    ("gap", "warning", "body.html", page("<p>Asked for {{ when }} from ({{ where }}).</p>"), "Put them"),
    ("gap", "warning", "subject.txt", {"order/en/subject.txt": "{{ name }}, your order left"}, "Put them"),
    (
        "link_missing",
        "error",
        "body.txt",
        page('<a href="https://acme.example/more">x</a>'),
        "https://acme.example/more",
    ),
    (
        "link_missing",
        "error",
        "body.html",
        {"order/en/body.txt": "It left us:\n\n{{ page }}\n\nhttps://acme.example/more."},
        "leads to https://acme.example/more,",
    ),
    ("link_relative", "error", "body.html", page('<a href="/orders">x</a>'), "“/orders”"),
    ("link_relative", "error", "body.html", page('<a href="">x</a>'), "“”"),
    (
        "link_insecure",
        "error",
        "body.html",
        {**page('<a href="http://a.example/">x</a>'), "order/en/body.txt": "{{ page }}\nhttp://a.example/"},
        "http://a.example/",
    ),
    (
        "link_says_other",
        "warning",
        "body.html",
        page('<a href="{{ public_url }}">https://bank.example</a>'),
        "says https://bank.example",
    ),
    ("element", "error", "body.html", page("<form><input></form>"), "<form>"),
    ("element", "error", "body.html", page("<script>1</script>"), "<script>"),
    ("element", "error", "body.html", page("<iframe></iframe>"), "<iframe>"),
    ("element", "error", "body.html", page('<p onclick="1">x</p>'), "onclick"),
    ("element", "error", "body.html", page('<a href="javascript:1">x</a>'), "javascript:"),
    ("value_as_markup", "error", "body.html", page("<p>{{ name | safe }}</p>"), "|safe"),
    ("value_as_markup", "error", "body.html", page('<p title="{{ number | safe }}">x</p>'), "|safe"),
    ("remote", "warning", "body.html", page('<img src="https://acme.example/a.png" alt="">'), "from elsewhere"),
    ("remote", "warning", "body.html", page('<table background="//a.example/a.png"></table>'), "from elsewhere"),
    (
        "remote",
        "warning",
        "body.html",
        layout('<style data-css-inline="keep">@media screen { p { background: url(https://a.example/b) } }</style>'),
        "from elsewhere",
    ),
    ("alt", "warning", "body.html", page('<img src="data:image/png;base64,AA==">'), 'alt="…"'),
    (
        "language",
        "warning",
        "body.html",
        {"layout.html": (HEAD + BODY).replace(' lang="{# language #}"', "")},
        "<html lang",
    ),
    ("title", "warning", "body.html", {"layout.html": '<html lang="{# language #}">' + BODY}, "<title>"),
    (
        "preheader",
        "warning",
        "body.html",
        {"layout.html": HEAD + BODY.replace("{# preheader #}", "")},
        "Nothing stands",
    ),
    (
        "preheader",
        "warning",
        "body.html",
        {"layout.html": HEAD + BODY.replace("{# preheader #}", "{# preheader #}").replace(' style="display:none"', "")},
        "Nothing stands",
    ),
    (
        "preheader",
        "warning",
        "body.html",
        {"order/en/body.html": END.replace("It is on its way.", "Your order {{ number }}")},
        "repeats the subject",
    ),
    ("value_misspelt", "warning", "message", page("{% if nmae %}<p>{{ nmae }}</p>{% endif %}"), "If name was meant"),
    (
        "value_misspelt",
        "warning",
        "message",
        page("{% if prodct_name %}<p>{{ prodct_name }}</p>{% endif %}"),
        "product_name",
    ),
    (
        "value_left_out",
        "warning",
        "message",
        {name.replace("/en/", "/de/"): text.replace("{{ number }}", "") for name, text in CLEAN.items() if "/" in name},
        "number is said in en, and not here",
    ),
    (
        "not_composed",
        "error",
        "message",
        {"order/en/body.txt": "{% if number != '1' %}{{ page.nothing }}{% endif %}"},
        "cannot be filled",
    ),
    (
        "text_empty",
        "error",
        "body.txt",
        {"layout.txt": "{# content #}", "order/en/body.txt": "{% if 0 %}{{ page }}{% endif %}"},
        "is empty",
    ),
    ("subject_empty", "error", "subject.txt", {"order/en/subject.txt": "{{ name }}"}, "is empty"),
    ("colour", "warning", "body.html", page('<p style="color: hsl(1 2% 3%)">x</p>'), "hsl(1 2% 3%)"),
    (
        "unsubscribe",
        "warning",
        "message",
        {
            "layout.txt": CLEAN["layout.txt"].replace("{{ unsubscribe_url }}", ""),
            "layout.html": (HEAD + BODY).replace('<p><a href="{{ unsubscribe_url }}">Stop</a></p>', ""),
        },
        "{{ unsubscribe_url }}",
    ),
]


def test_our_own_templates_have_none() -> None:
    """Every message, in every language, with every sample."""
    templates = Templates()
    assert [] == [(one.place, one.detail, one.samples) for one in lint(templates, composer_of(templates))]


def test_a_clean_message_has_none(tmp_path: Path) -> None:
    """What every broken template below is made from breaks no rule, so each breaks the one it is there for."""
    assert [] == linted(tmp_path, {})


@pytest.mark.parametrize(("rule", "severity", "file", "files", "said"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_broken_template_is_found(
    tmp_path: Path, rule: str, severity: str, file: str, files: dict[str, str], said: str
) -> None:
    """The finding names the rule, how bad it is and the file, and its sentence what it is about."""
    found = [one for one in linted(tmp_path, files) if (one.rule, one.file) == (rule, file)]
    assert found != []
    assert {severity} == {one.severity.value for one in found}
    assert [one.detail for one in found if said in one.detail] != []


def test_what_is_hard_to_read_is_told_with_its_colours(tmp_path: Path) -> None:
    """The words, both colours and the contrast, cut short and not rounded up."""
    found = [
        one.detail for one in linted(tmp_path, page('<p style="color: #777">Read me</p>')) if one.rule == "contrast"
    ]
    assert ["“Read me” is #777777 on #ffffff in a light program: contrast 4.47, and 4.5 is needed."] == found


def test_a_dark_look_is_found_wanting_alone(tmp_path: Path) -> None:
    """Ink that is right on paper is wrong where a dark program draws no paper."""
    files = layout('<meta name="color-scheme" content="light dark"><style>p { color: #111 }</style>')
    (found,) = [one for one in linted(tmp_path, files) if one.rule == "contrast"]
    assert found.detail.startswith(
        "“Hi Ada Lovelace, it left us.” is #111111 on #121212 in a dark program: contrast 1.0"
    )
    assert () == found.samples


def shown(tmp_path: Path, sender: str = "Acme <hello@acme.example>") -> Preview:
    templates = templates_of(tmp_path, {})
    return preview(templates, composer_of(templates, sender=sender), "order", "en", "complete")


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        (b"Auto-Submitted: auto-generated\r\n", b""),
        (b"Auto-Submitted: auto-generated", b"Auto-Submitted: no"),
        (b"List-Id: <order.acme.example>\r\n", b""),
        (b"Feedback-ID: order:acmeexample\r\n", b""),
        (b"Feedback-ID: order:acmeexample", b"Feedback-ID: order:acme"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b""),
        (b"List-Unsubscribe: <https:", b"List-Unsubscribe: <mailto:a@b.example>,<https:"),
        (b"Message-ID: <sample@acme.example>\r\n", b""),
        (b"Message-ID: <sample@acme.example>", b"Message-ID: sample"),
        (b"Date: ", b"Dated: "),
        (b"From: ", b"From: eve@example.com, "),
        (b"From: ", b"From: eve@example.com\r\nFrom: "),
        (b"To: ", b"To: eve@example.com, "),
        (b"MIME-Version: 1.0", b"MIME-Version: 2.0"),
        (b"multipart/alternative", b"multipart/mixed"),
        (b"Subject: ", b"Subject: Hello\r\nSubject: "),
    ],
)
def test_a_wrong_header_is_found(tmp_path: Path, was: bytes, becomes: bytes) -> None:
    """Whatever of it is missing, twice there or not what it must be."""
    right = shown(tmp_path)
    assert [] == list(check_header(right))
    wrong = read_back(right.sample, right.content.replace(was, becomes, 1))
    assert [("header_field", Severity.ERROR)] == [(one.rule, one.severity) for one in check_header(wrong)]


def test_a_header_line_that_is_too_long_is_found(tmp_path: Path) -> None:
    """A sender's name that must stand in quotes is one word, which cannot be folded."""
    found = list(check_header(shown(tmp_path, sender=f"Acme, {'the shop ' * 8} <hello@acme.example>")))
    assert [("header_line", Severity.WARNING)] == [(one.rule, one.severity) for one in found]


@pytest.mark.parametrize(
    ("size", "rules"),
    [(LARGE_BYTES - 1, []), (LARGE_BYTES, ["large"]), (CLIPPED_BYTES - 1, ["large"]), (CLIPPED_BYTES, ["clipped"])],
)
def test_a_message_that_is_too_large_is_found(tmp_path: Path, size: int, rules: list[str]) -> None:
    """A warning before Gmail cuts it, an error from then on."""
    small = shown(tmp_path)
    found = list(check_size(read_back(small.sample, small.content.ljust(size))))
    assert rules == [one.rule for one in found]
    assert [Severity.ERROR if rule == "clipped" else Severity.WARNING for rule in rules] == [o.severity for o in found]


def test_a_finding_is_told_once_with_all_its_samples(tmp_path: Path) -> None:
    """What every sample shows is one finding, and says so."""
    (found,) = linted(tmp_path, page("<script>1</script>"))
    assert (SAMPLES, "order/en/body.html") == (found.samples, found.place)


def test_a_mistake_that_stands_twice_is_told_once(tmp_path: Path) -> None:
    """With each sample once."""
    (found,) = linted(tmp_path, page('<a href="{{ public_url }}">https://bank.example</a>' * 2))
    assert SAMPLES == found.samples


def test_samples_that_break_a_rule_by_other_values_are_one_finding(tmp_path: Path) -> None:
    """The sentence has the values of the first; two mistakes of one kind in a sample stay two."""
    link = "<a href='https://acme.example/{}/{{{{ number }}}}'>x</a>"
    found = linted(tmp_path, page("{% if name %}" + link.format(1) + "{% endif %}" + link.format(2)))
    told = {str(one.values["address"]): one.samples for one in found}
    one, two = "https://acme.example/1/1042", "https://acme.example/2/1042"
    assert {one: ("complete", "long", "hostile"), two: SAMPLES} == told


def test_links_to_the_products_own_address_may_be_http(tmp_path: Path) -> None:
    """In development it is http on this machine, and that is no fault of a template."""
    assert [] == linted(tmp_path, {}, public_url="http://127.0.0.1:8000")


def test_a_message_that_is_not_there_cannot_be_looked_at(tmp_path: Path) -> None:
    """It is refused by name."""
    templates = templates_of(tmp_path, {})
    with pytest.raises(TemplateUnknown, match="no template 'gone'"):
        lint_one(templates, composer_of(templates), "gone", "en")


def test_every_rule_has_a_template_that_breaks_it() -> None:
    """No rule is known by the source alone."""
    told = [call for name in ("error", "warning") for call in calls(name, "mail/linter/")]
    rules = {text for call in told for text in argument(call, 0, "rule")}
    elsewhere = {"contrast", "header_field", "header_line", "large", "clipped"}
    assert {row[0] for row in BROKEN} | elsewhere == rules
