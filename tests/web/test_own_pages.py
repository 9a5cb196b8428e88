"""A product's own page templates: in the place of ours, proved at the start, and nobody is ever locked out by them."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from jinja2 import UndefinedError

from gatepost.app import Gatepost, create_app
from gatepost.errors import TemplateError
from gatepost.events import PageBroken
from gatepost.settings import Settings
from gatepost.web.own_pages import own_pages
from gatepost.web.page_environment import EVERYWHERE, WITH_FORMS, our_pages, values_of
from gatepost.web.pages import pages_router
from gatepost.web.rendering import Pages
from tests.support.clock import StillClock
from tests.web.site import PRODUCTION, Site

HEADING = '{% extends "ours/register.html" %}'
HEADING += "{% block content %}<h1>Join the {{ product_name }}</h1>{{ super() }}{% endblock %}"


def write(folder: Path, **templates: str) -> Path:
    """Write `name.html` for each argument."""
    for name, text in templates.items():
        (folder / f"{name}.html").write_text(text)
    return folder


def site_with(folder: Path, **templates: str) -> Site:
    return Site({"pages": write(folder, **templates), "product_name": "Larch"})


def shown(folder: Path, path: str = "/register", **templates: str) -> str:
    answer = site_with(folder, **templates).client().get(path)
    assert 200 == answer.status_code
    return answer.text


def wrong(folder: Path, **templates: str) -> str:
    """What is said of the folder at the start; it begins with the file and the line."""
    with pytest.raises(TemplateError) as refusal:
        own_pages(write(folder, **templates))
    return str(refusal.value).removeprefix(f"{folder}/")


# What takes the place of what


def test_a_page_takes_the_place_of_ours_by_name(tmp_path: Path) -> None:
    """The others stay."""
    site = site_with(tmp_path, reset='<p lang="{{ language }}">{{ _("Sign in") }} · {{ form_field.value }}</p>')
    client = site.client()
    text = client.get("/reset?token=x", headers={"accept-language": "zh-CN"}).text
    assert re.fullmatch(r'<p lang="zh-CN">登录 · [\w.-]+</p>', text)
    assert "<h1" in client.get("/register").text


def test_ours_can_be_extended_by_their_longer_name(tmp_path: Path) -> None:
    """One block is changed, and the rest of the page is ours, with its form."""
    text = shown(tmp_path, register=HEADING)
    assert "<h1>Join the Larch</h1>" in text
    assert 'name="password"' in text


def test_the_page_around_all_pages_can_be_changed_alone(tmp_path: Path) -> None:
    """Our pages fill the product's page.html, which fills ours."""
    around = '{% extends "ours/page.html" %}{% block head %}<link rel="author" href="/">{% endblock %}'
    own = site_with(tmp_path, page=around).client()
    for path in ("/register", "/reset", "/verify"):
        assert '<link rel="author" href="/">' in own.get(path).text
        assert "<h1" in own.get(path).text


def test_parts_of_the_products_own_begin_with_an_underscore(tmp_path: Path) -> None:
    """They can be included, from a folder too; other files are left alone."""
    (tmp_path / "_parts").mkdir()
    (tmp_path / "_parts" / "foot.html").write_text("<p>{{ product_name }} Ltd</p>")
    (tmp_path / "README.txt").write_text("{% nothing %}")
    (tmp_path / ".register.html").write_text("{% what an editor left %}")
    text = shown(
        tmp_path,
        register='{% extends "ours/register.html" %}{% block languages %}{% include "_parts/foot.html" %}'
        '{% include "_note.html" %}{% endblock %}',
        _note="<p>{{ _('Sign in') }}</p>",
    )
    assert "<p>Larch Ltd</p><p>Sign in</p>" in text


def test_a_macro_of_ours_can_be_used(tmp_path: Path) -> None:
    """parts.html is ours unless the product has its own."""
    own = '{% import "parts.html" as parts %}<form method="post">{{ parts.hidden_fields(form_field, kept) }}</form>'
    assert '<input type="hidden" name="form_key"' in shown(tmp_path, register=own)


def test_files_beside_the_templates_are_served(tmp_path: Path) -> None:
    """Stylesheets, scripts and pictures, each under an address that changes with it; one may replace ours."""
    (tmp_path / "larch.css").write_text("h1 { color: var(--link); }")
    (tmp_path / "gatepost.css").write_text("body { margin: 0; }")
    (tmp_path / "mark.svg").write_text("<svg/>")
    (tmp_path / "notes.txt").write_text("for us")
    (tmp_path / "_draft.css").write_text("not yet")
    look = """{% block look %}<link rel="stylesheet" href="{{ static['larch.css'] }}">{% endblock %}"""
    client = site_with(tmp_path, page='{% extends "ours/page.html" %}' + look).client()
    for path in ("/register", "/verify?token=x"):
        text = client.get(path).text
        sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', text)
        assert ["tokens.css", "gatepost.css", "larch.css"] == [re.split(r"[/?]", one)[3] for one in sheets]
    assert ["text/css; charset=utf-8"] * 3 == [client.get(one).headers["content-type"] for one in sheets]
    assert ["body { margin: 0; }", "h1 { color: var(--link); }"] == [client.get(one).text for one in sheets[1:]]
    assert "sandbox" in client.get("/gatepost/static/mark.svg").headers["content-security-policy"]
    for name in ("notes.txt", "_draft.css", "page.html", "..%2Fmark.svg"):
        assert 404 == client.get(f"/gatepost/static/{name}").status_code


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("a b.css", 1, "a b.css cannot be served under its name: use letters, digits, dots, - and _."),
        ("a.png", 1024 * 1024 + 1, "a.png has more than 1024 KiB: save it smaller."),
    ],
)
def test_a_file_that_cannot_be_served_is_told(tmp_path: Path, name: str, size: int, said: str) -> None:
    """At the start, with the way out."""
    (tmp_path / name).write_bytes(bytes(size))
    assert said == wrong(tmp_path, login="")


def test_values_stay_escaped(tmp_path: Path) -> None:
    """A page of the product's own escapes what people typed as ours does."""
    site = site_with(tmp_path, register="{{ typed.email }}")
    answer = site.client().post("/register", data={"email": "<script>"})
    assert "&lt;script&gt;" == answer.text


def test_a_page_is_chosen_by_the_argument_before_the_setting(tmp_path: Path) -> None:
    """A host application says `Gatepost(pages=…)`; without it the setting counts."""
    for name in ("setting", "argument"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, register=f"<p>{name}</p>")
    settings = Settings(pages=tmp_path / "setting", database_url=f"sqlite:///{tmp_path / 'a.db'}")
    for gatepost, expected in (
        (Gatepost(settings), "setting"),
        (Gatepost(settings, pages=tmp_path / "argument"), "argument"),
    ):
        client = TestClient(create_app(gatepost), base_url="http://127.0.0.1:8000")
        assert f"<p>{expected}</p>" == client.get("/register").text


def test_a_page_is_read_again_in_development_only(tmp_path: Path) -> None:
    """Whoever writes a page sees it at once; a service in production keeps what was proved."""
    for settings, expected in (({}, "two"), (PRODUCTION, "one")):
        file = write(tmp_path, register="one") / "register.html"
        client = Site({"pages": tmp_path, **settings}).client()
        assert "one" == client.get("/register").text
        file.write_text("two, and longer")
        assert client.get("/register").text.startswith(expected)


# What is told at the start


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Not there, not a folder, or without a page in it."""
    with pytest.raises(
        TemplateError, match=r"nowhere is no folder\. GATEPOST_PAGES names one that holds page templates"
    ):
        own_pages(tmp_path / "nowhere")
    with pytest.raises(TemplateError, match=r"holds no page template\. Its files are named as ours: login.html"):
        own_pages(tmp_path)


def test_gatepost_does_not_start_with_a_broken_page(tmp_path: Path) -> None:
    """It is told where Gatepost is put together, before anything listens."""
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'a.db'}", pages=write(tmp_path, login="{% if %}"))
    with pytest.raises(TemplateError, match=r"login\.html, line 1, does not compile"):
        Gatepost(settings)


@pytest.mark.parametrize(
    ("templates", "said"),
    [
        (
            {"log_in": ""},
            "log_in.html has the name of no page. Parts of your own begin with _: _log_in.html. Pages are ",
        ),
        ({"login": "a\n{% block x %}"}, "login.html, line 2, does not compile: Unexpected end of template."),
        ({"login": "{{ 1 | shout }}"}, "login.html, line 1, does not compile: No filter named 'shout'."),
        ({"_part": "{% endif %}"}, "_part.html, line 1, does not compile: Encountered unknown tag 'endif'."),
        (
            {"login": 'a\n{% extends "base.html" %}'},
            "login.html, line 2, names base.html, which is not there; ours are ours/page.html and so on.",
        ),
        (
            {"login": '{% include "_foot.html" %}'},
            "login.html, line 1, names _foot.html, which is not there; ours are ours/page.html and so on.",
        ),
        (
            {"_part": '{% import "ours/macros.html" as m %}'},
            "_part.html, line 1, names ours/macros.html, which is not there; ours are ours/page.html and so on.",
        ),
        (
            {"page": '{% extends "page.html" %}'},
            "page.html, line 1, leads back to itself; ours is ours/page.html.",
        ),
        (
            {"login": '{% extends "verify.html" %}', "verify": '{% extends "login.html" %}'},
            "login.html, line 1, leads back to itself; ours is ours/login.html.",
        ),
        (
            {"login": '{% extends "ours/login.html" %}\n{% block contents %}{% endblock %}'},
            "login.html, line 2, fills the block contents, which nothing shows; there are content, ",
        ),
        (
            {"login": "<p>\n{{ prodct_name }}"},
            "login.html, line 2, uses prodct_name, which has no value there; there are ",
        ),
        (
            {"login": '<h1>\n<form class="a" METHOD=POST>'},
            "login.html, line 2, has a form that would always be refused; put"
            " {{ parts.hidden_fields(form_field, kept) }} into it.",
        ),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_way_out(tmp_path: Path, templates: dict[str, str], said: str) -> None:
    """Each mistake that can be known is known before the first person comes."""
    assert wrong(tmp_path, **templates).startswith(said)


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    """The sentence names the byte; a byte order mark is no mistake."""
    (tmp_path / "login.html").write_bytes("<p>Größe".encode("latin-1"))
    assert wrong(tmp_path) == "login.html is no UTF-8 at byte 5: save it as UTF-8."
    (tmp_path / "login.html").unlink()
    (tmp_path / "register.html").write_bytes("\ufeff<p>Größe".encode())
    assert "<p>Größe" == shown(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        '{% extends "ours/login.html" %}{% block content %}{% block mine %}{% endblock %}{% endblock %}',
        '{% include "_maybe.html" ignore missing %}',
        "{% set mine = 1 %}{{ mine }}{% macro f() %}{{ caller() }}{{ varargs }}{% endmacro %}{{ range(3) }}",
        '<form method="get"></form>',
        '<form method="post"><input name="{{ form_field.name }}" value="{{ form_field.value }}"></form>',
        '{% include "_form.html" %}<form method="post">',
        '{% extends "ours/login.html" %}{% import "_form.html" as one %}{% from "_form.html" import form as two %}'
        "{% set three = 3 %}{% macro four() %}{% endmacro %}"
        "{% block content %}{{ one.form() }}{{ two() }}{{ three }}{{ four() }}{{ parts.sign_in('/') }}{% endblock %}",
        "{{ next }}{{ problem }}{{ errors }}{{ typed }}{{ link('/') }}{{ static['tokens.css'] }}{{ logo }}{{ icon }}",
    ],
)
def test_what_is_right_is_taken(tmp_path: Path, text: str) -> None:
    """Blocks within blocks, parts that may be missing, names of one's own, forms that change nothing."""
    own_pages(write(tmp_path, login=text, _form="{% macro form() %}{{ form_field.value }}{% endmacro %}"))


def test_parts_of_ours_may_be_replaced(tmp_path: Path) -> None:
    """What a macro is given is its arguments."""
    own_pages(write(tmp_path, parts="{% macro title(page, problem) %}{{ page }}{% endmacro %}"))


def test_every_page_of_ours_can_be_replaced_by_one_that_extends_it(tmp_path: Path) -> None:
    """The proof takes all of them, and each of them as it is."""
    for name in our_pages():
        (tmp_path / name).write_text(f'{{% extends "ours/{name}" %}}')
    own_pages(tmp_path)
    for name in our_pages():
        (tmp_path / name).write_text((files("gatepost.web") / "html" / name).read_text())
    own_pages(tmp_path)


def test_every_page_is_given_what_is_said() -> None:
    """The names that are known at the start are those the pages are filled with."""
    environment = next(iter(Pages(Site().context)._ours.values()))
    assert EVERYWHERE - environment.globals.keys() == {"link", "kept", "other_languages"}
    assert {"next", *WITH_FORMS} <= values_of("login.html")
    assert WITH_FORMS <= values_of("verified.html")
    assert "next" not in values_of("register.html")
    assert EVERYWHERE == values_of("page.html")


# What fails later


@pytest.mark.parametrize(
    ("text", "error", "place"),
    [
        ("{{ typed.nothing.more }}", "UndefinedError", "register.html, line 1"),
        ("<p>\n{{ static['mine.css'] }}", "UndefinedError", "register.html, line 2"),
        ('{% include "_part.html" %}', "ZeroDivisionError", "_part.html, line 3"),
        ("{{ language.encode('x') }}", "LookupError", "register.html, line 1"),
    ],
)
def test_a_page_that_fails_is_replaced_by_ours(tmp_path: Path, text: str, error: str, place: str) -> None:
    """The person can go on; an event says which page, and where, and never what stood in it."""
    site = site_with(tmp_path, register=text, _part="\n\n{{ 1 / 0 }}")
    answer = site.client().get("/register")
    assert 200 == answer.status_code
    assert 'name="password"' in answer.text
    assert [PageBroken(page="register.html", error=error, place=place)] == broken(site)
    assert [] == site.failures()


def test_a_page_that_breaks_while_it_is_edited_is_replaced_by_ours(tmp_path: Path) -> None:
    """In development too: the log names file and line."""
    site = site_with(tmp_path, register="<p>")
    client = site.client()
    write(tmp_path, register="<p>\n\n{% if %}")
    assert 'name="password"' in client.get("/register").text
    (event,) = broken(site)
    assert ("TemplateSyntaxError", "register.html, line 3") == (event.error, event.place)


def test_a_page_around_all_pages_that_fails_takes_none_of_them_away(tmp_path: Path) -> None:
    """Each falls back to ours whole, the page of a problem too."""
    site = site_with(tmp_path, page="{% block content %}{% endblock %}{{ kept['a value'] }}")
    client = site.client()
    assert 'name="password"' in client.get("/register").text
    assert "<h1" in client.put("/register", headers={"accept": "text/html"}).text
    assert ["register.html", "problem.html"] == [event.page for event in broken(site)]
    assert not [event for event in broken(site) if "a value" in repr(event)]


def test_a_broken_page_is_told_once_a_minute(tmp_path: Path) -> None:
    """For each page, whoever asks and through whichever router."""
    clock = StillClock()
    settings = {"pages": write(tmp_path, register="{{ 1 / 0 }}", verify="{{ 1 / 0 }}")}
    site = Site(settings, clock=clock)
    client, other = site.client(), site.client(pages_router(site.context))
    for _ in range(3):
        client.get("/register")
        other.get("/register")
    client.get("/verify?token=x")
    assert ["register.html", "verify.html"] == [event.page for event in broken(site)]
    clock.move(30)
    client.get("/register")
    assert 2 == len(broken(site))
    clock.move(30)
    client.get("/register")
    assert 3 == len(broken(site))


def test_a_product_without_pages_of_its_own_hears_of_bugs_as_ever() -> None:
    """A page of ours that cannot be filled is a bug of ours: 500, and no page is called broken."""
    site = Site()
    with pytest.raises(UndefinedError):
        Pages(site.context)._filled("en", "register.html", {})
    assert [] == broken(site)


def broken(site: Site) -> list[PageBroken]:
    return [event for event in site.happened if isinstance(event, PageBroken)]
