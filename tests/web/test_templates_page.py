"""The pages of the mail templates: who may see them, what they show, and that a folder is read as it is now."""

import re
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gatepost.mail.samples import SAMPLES
from gatepost.mail.templates import PACKAGED, Templates
from gatepost.parts import build_composer
from gatepost.transport.mailbox import Mailbox
from gatepost.web.workshop.templates import templates_router
from tests.web.site import PRODUCTION, SECURITY_HEADERS, Site

FILES = {
    "subject.txt": "Order {{ number }} <b>",
    "body.txt": "Hi{% if name %} {{ name }}{% endif %}, it left us:\n\n{{ tracking_page }}\n",
    "body.html": (
        "<!-- preheader: It left us today. --><h1>On its way</h1><p>Hi{% if name %} {{ name }}{% endif %}.</p>"
        '<p><a href="{{ tracking_page }}">Where is it?</a></p>'
    ),
}
OURS = Templates()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A product's folder with one message. Beside it are our layouts and no message: reading ours takes long."""
    (tmp_path / "ours").mkdir()
    for layout in PACKAGED.glob("layout.*"):
        shutil.copy(layout, tmp_path / "ours")
    for name, text in FILES.items():
        write(tmp_path / "own", name, text)
    return tmp_path / "own"


def write(folder: Path, name: str, text: str, language: str = "en") -> None:
    (folder / "order_shipped" / language).mkdir(parents=True, exist_ok=True)
    (folder / "order_shipped" / language / name).write_text(text, "utf-8")


def browser(folder: Path | None = None, **options: object) -> TestClient:
    """A browser of this machine."""
    templates = OURS if folder is None else Templates(folder.with_name("ours"), own=folder)
    site = Site(templates=templates)
    site = Site(templates=templates, composer=build_composer(site.settings, templates))
    return site.client(templates_router(site.context), **{"client": ("127.0.0.1", 5000), **options})


@pytest.fixture(scope="module")
def ours() -> TestClient:
    """A browser that sees the packaged templates alone."""
    return browser()


def test_the_list_has_every_mail_in_every_language_with_every_sample(ours: TestClient) -> None:
    """One link for each, and the subject as its reader sees it; nothing is to be corrected in ours."""
    page = ours.get("/dev/templates").text
    for name in OURS.names:
        for language in OURS.languages(name):
            for sample in SAMPLES:
                assert f'href="/dev/templates/{name}/{language}?sample={sample}"' in page
    assert "Verify your email address for Gatepost" in page
    assert "Nothing to correct" in page
    assert "to correct</span>" not in page


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize(
    ("name", "language"), [(name, language) for name in OURS.names for language in OURS.languages(name)]
)
def test_every_mail_is_shown_with_every_sample(ours: TestClient, name: str, language: str, sample: str) -> None:
    """Subject, preheader and size beside a frame with the mail; the frame has it, and no value of it is markup."""
    here = f"/dev/templates/{name}/{language}"
    page = ours.get(here, params={"sample": sample}).text
    assert f'src="{here}/html?sample={sample}&amp;scheme=light"' in page
    assert re.search(r"<dt[^>]*>Preheader</dt><dd>[^<]+</dd>", page)
    assert re.search(r"\d\.\d KB", page)
    framed = ours.get(f"{here}/html", params={"sample": sample}).text
    assert "<i data-value" not in page + framed
    assert ("&lt;i data-value&gt;" in page) == (sample == "hostile")


def test_a_mail_is_shown_as_text_header_and_source(ours: TestClient) -> None:
    """What each part says, and the bytes as they would be submitted."""
    here = "/dev/templates/verification/en"
    text, headers, source = (ours.get(here, params={"view": view}).text for view in ("text", "headers", "source"))
    assert "Hi Ada Lovelace," in text
    assert "verify?token=a-sample-that-opens-nothing" in text
    assert '<th scope="row">Auto-Submitted</th><td>auto-generated</td>' in headers
    assert "Content-Transfer-Encoding: quoted-printable" in source


def test_a_mail_is_shown_in_either_scheme(ours: TestClient) -> None:
    """What it asks about the scheme is answered in its page, so that both can be seen on any machine."""
    light, dark = (
        ours.get("/dev/templates/welcome/en/html", params={"scheme": scheme}).text for scheme in ("light", "dark")
    )
    assert "prefers-color-scheme" not in light + dark
    assert light != dark


def test_the_frame_is_locked_in(ours: TestClient) -> None:
    """It runs no script, sends no form and loads nothing."""
    answer = ours.get("/dev/templates/welcome/en/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert [name for name in SECURITY_HEADERS if name not in answer.headers] == []


@pytest.mark.parametrize("path", ["/nothing/en", "/verification/fr", "/verification/EN", "/verification/en/html/x"])
def test_only_what_there_is_is_found(ours: TestClient, path: str) -> None:
    """Another name, another language or another page is 404."""
    assert 404 == ours.get(f"/dev/templates{path}").status_code


@pytest.mark.parametrize("query", ["sample=none", "view=none", "scheme=none", "width=1"])
def test_only_the_looks_there_are_can_be_chosen(ours: TestClient, query: str) -> None:
    """Anything else is refused."""
    assert 422 == ours.get(f"/dev/templates/welcome/en?{query}").status_code


@pytest.mark.parametrize(
    "disguise",
    [
        {"client": ("192.0.2.7", 5000)},
        {"base_url": "http://gate.example.com"},
        {"headers": {"x-forwarded-for": "127.0.0.1"}},
        {"headers": {"host": ""}},
    ],
)
@pytest.mark.parametrize("path", ["", "/welcome/en", "/welcome/en/html"])
def test_nobody_but_this_machine_finds_them(disguise: dict[str, object], path: str) -> None:
    """They show paths of the disk and words nobody has read yet."""
    assert 404 == browser(**disguise).get(f"/dev/templates{path}").status_code


def test_there_are_none_in_production() -> None:
    """The router refuses to be made."""
    site = Site(PRODUCTION)
    with pytest.raises(ValueError, match="development only"):
        templates_router(site.context)


def test_they_are_there_while_mail_goes_to_a_server(folder: Path) -> None:
    """Only the way back to the mailbox is not."""
    templates = Templates(folder.with_name("ours"), own=folder)
    sites = (Site(templates=templates), Site(templates=templates, mailbox=Mailbox(folder / "mailbox")))
    pages = [
        site.client(templates_router(site.context), client=("127.0.0.1", 1)).get("/dev/templates").text
        for site in sites
    ]
    assert [False, True] == ['href="/dev/mailbox"' in page for page in pages]


# A product's folder


def test_a_product_sees_its_own_message(folder: Path) -> None:
    """Beside ours, with made-up values for what only it uses; its folder is named."""
    client = browser(folder)
    page = client.get("/dev/templates").text
    assert "Order 1042 &lt;b&gt;" in page
    assert f"<code>{folder}</code>" in page
    one = client.get("/dev/templates/order_shipped/en").text
    assert "https://example.com/tracking_page" in one
    assert "Where is it?" in client.get("/dev/templates/order_shipped/en/html").text


def test_a_change_is_seen_at_once(folder: Path) -> None:
    """Other words, a further language and a file that goes are there at the next look, without a restart."""
    client = browser(folder)
    client.get("/dev/templates")
    write(folder, "subject.txt", "Parcel {{ number }}")
    assert "Parcel 1042" in client.get("/dev/templates").text
    for name, text in FILES.items():
        write(folder, name, text, "de")
    assert "Parcel 1042" not in client.get("/dev/templates/order_shipped/de").text
    assert 200 == client.get("/dev/templates/order_shipped/de/html").status_code
    for file in (folder / "order_shipped" / "de").iterdir():
        file.unlink()
    (folder / "order_shipped" / "de").rmdir()
    assert 404 == client.get("/dev/templates/order_shipped/de").status_code


@pytest.mark.parametrize("path", ["", "/order_shipped/en"])
def test_a_file_that_cannot_be_read_is_told_on_the_page(folder: Path, path: str) -> None:
    """With its name and line, above what was read before; once it is right again nothing is left of it."""
    client = browser(folder)
    write(folder, "body.txt", "Hi,\n\n{{ name\n")
    page = client.get(f"/dev/templates{path}")
    assert 200 == page.status_code
    assert "The folder cannot be read as it is now" in page.text
    assert re.search(r"order_shipped/en/body\.txt does not compile: .*\(line 3\)", page.text)
    assert "Order 1042" in page.text
    write(folder, "body.txt", FILES["body.txt"])
    assert "The folder cannot be read" not in client.get(f"/dev/templates{path}").text


def test_a_folder_that_goes_is_told_too(folder: Path) -> None:
    """What was read before stays to be seen."""
    client = browser(folder)
    folder.rename(folder.with_name("elsewhere"))
    page = client.get("/dev/templates").text
    assert "is no folder" in page
    assert "Order 1042" in page


def test_findings_stand_on_both_pages(folder: Path) -> None:
    """How bad, what, in which file and with which samples; the samples that show them are counted."""
    write(folder, "body.html", FILES["body.html"] + "<p>{{ name | safe }}</p><script>1</script>")
    client = browser(folder)
    for page in (client.get("/dev/templates").text, client.get("/dev/templates/order_shipped/en").text):
        assert "Mail programs take &lt;script&gt; out" in page
        assert "A value becomes markup" in page
        assert "<code>order_shipped/en/body.html</code></a>\nHostile</span>" in page
        assert '<span class="count wrong">1<span class="quietly"> to correct' in page
        assert '<span class="count wrong">2<span class="quietly"> to correct' in page
        assert "Nothing to correct" not in page


def test_what_every_mail_has_is_said_once(folder: Path) -> None:
    """A mistake in the layout is one finding with many places."""
    (folder / "layout.html").write_text("<html><body>{# preheader #}{# content #}</body></html>", "utf-8")
    for language in ("de", "fr", "it", "nl", "pl", "pt", "sv", "tr"):
        for name, text in FILES.items():
            write(folder, name, text, language)
    page = browser(folder).get("/dev/templates").text
    assert 1 == page.count("The page does not say its language.")
    assert "<span>and in 1 more</span>" in page


def test_a_message_that_cannot_be_made_has_a_page_without_a_frame(folder: Path) -> None:
    """It says why; the frame's address says that there is none."""
    write(folder, "body.txt", "{% if number != '1' %}{{ number.nothing }}{% endif %}{{ tracking_page }}")
    client = browser(folder)
    page = client.get("/dev/templates/order_shipped/en").text
    assert "The message cannot be made" in page
    assert "<iframe" not in page
    assert 404 == client.get("/dev/templates/order_shipped/en/html").status_code
    assert "(no subject)" in client.get("/dev/templates").text
