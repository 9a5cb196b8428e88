"""The pages of the mail templates: what goes out, with made-up values, locked into a frame."""

import asyncio
import html
import re
from collections.abc import Iterator

import pytest

from gatepost.admin.template_check import TemplateCheck
from gatepost.mail.samples import SAMPLES
from gatepost.operators.role import Role
from gatepost.web.workshop.live_templates import Reading
from tests.admin.site import Browser, Site, site

OWN = {
    "subject.txt": "Order {{ number }} <b>",
    "body.txt": "Hi{% if name %} {{ name }}{% endif %}, it left us:\n\n{{ tracking_page }}\n",
    "body.html": (
        "<!-- preheader: It left us today. --><h1>On its way</h1><p>Hi{% if name %} {{ name }}{% endif %}.</p>"
        "<a href=x>Where is it?</a>"
    ),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service whose product has a message of its own, with something to correct."""
    folder = tmp_path_factory.mktemp("templates")
    own = folder / "own"
    (own / "order_shipped" / "en").mkdir(parents=True)
    for name, text in OWN.items():
        (own / "order_shipped" / "en" / name).write_text(text, "utf-8")
    with site(folder, templates=own) as running:
        yield running


@pytest.fixture(scope="module")
def support(house: Site) -> Browser:
    """Support may see what the mails say."""
    return house.browser_of(Role.SUPPORT)


def rows(page: str) -> dict[tuple[str, str], str]:
    """The rows of the list by message and language."""
    found = re.findall(r'<tr>\n<th scope="row"><a href="/admin/templates/([^/]+)/([^"]+)">(.*?)</tr>', page, re.DOTALL)
    return {(name, language): rest for name, language, rest in found}


def test_the_list_has_every_mail_in_every_language(house: Site, support: Browser) -> None:
    """Each with its subject, and how much there is to correct; the looking goes on until all is known."""
    for _ in range(200):
        page = support.get("/admin/templates").text
        if "Still looking" not in page:
            break
    found = rows(page)
    assert set(Reading(house.gatepost._templates, house.gatepost._composer).mails()) == set(found)
    assert "Verify your email address" in html.unescape(found["verification", "en"])
    assert 'label good">nothing' in found["verification", "en"]
    assert "Order 1042 &lt;b&gt;" in found["order_shipped", "en"]
    assert "to correct" in found["order_shipped", "en"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_mail_is_shown_with_made_up_values(support: Browser, sample: str) -> None:
    """As its page, its text and its header fields; what is hostile shows as it was typed."""
    base = f"/admin/templates/verification/en?sample={sample}"
    assert "sandbox></iframe>" in support.get(base).text
    text, headers = support.get(f"{base}&view=text").text, support.get(f"{base}&view=headers").text
    assert "/verify?token=a-sample" in text
    assert "<dt>Message-ID</dt>" in headers
    assert "<i data-value" not in text + headers


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_frame_runs_nothing_and_leads_nowhere(support: Browser, scheme: str) -> None:
    """Its policy locks it up wherever it is opened: a sandbox without any right."""
    answer = support.get(f"/admin/templates/verification/en/html?sample=hostile&scheme={scheme}")
    policy = answer.headers["content-security-policy"].split("; ")
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert f"only {scheme}" in answer.text


def test_what_is_wrong_is_said_with_its_place(support: Browser) -> None:
    """The same findings as on the command line, and no path of the machine."""
    page = support.get("/admin/templates/order_shipped/en").text
    assert "To correct" in page
    assert "order_shipped/en/body.html" in page
    assert "/own/" not in page


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/admin/templates/nothing/en", 404),
        ("/admin/templates/verification/tlh", 404),
        ("/admin/templates/verification/tlh/html", 404),
        ("/admin/templates/verification/en?sample=other", 422),
        ("/admin/templates/verification/en?view=source", 422),
    ],
)
def test_what_is_not_there_is_said(support: Browser, path: str, status: int) -> None:
    """A page of its own, not a failure."""
    assert status == support.get(path).status_code


async def test_nobody_waits_for_the_check(house: Site) -> None:
    """A look says what it knows; a process that stops looks at no further mail."""
    reading, stopping = Reading(house.gatepost._templates, house.gatepost._composer), asyncio.Event()
    check = TemplateCheck(reading, stopping)
    assert {None} == {one.findings for one in await check.every(0)}
    stopping.set()
    assert None in [one.findings for one in await check.every(10)]
    stopping.clear()
    assert None not in [one.findings for one in await check.every(30)]
