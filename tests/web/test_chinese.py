"""Everything people can meet, in Simplified Chinese: every page in every state, every problem."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi import APIRouter
from fastapi.testclient import TestClient
from httpx2 import Response

from gatepost.accounts.sessions import Current
from gatepost.accounts.verification import ChoosePassword
from gatepost.app import Gatepost, create_app
from gatepost.errors import (
    AddressTaken,
    BadToken,
    ChallengeFailed,
    DatabaseBusy,
    RateLimited,
    SignInFailed,
    WrongPassword,
)
from gatepost.settings import Settings
from gatepost.transport.folder import Mailbox
from gatepost.web.catalogue import translate
from gatepost.web.problems import PROBLEMS, refused
from gatepost.web.rendering import Pages
from gatepost.web.route import route_class_for
from gatepost.web.unsubscribe import unsubscribe_router
from gatepost.web.validation import _KINDS
from gatepost.web.workshop.mailbox import mailbox_router
from gatepost.web.workshop.templates import templates_router
from tests.support.visible import Visible
from tests.web.site import Site
from tests.web.test_account_pages import HERE, MIRA, THERE
from tests.web.test_account_pages import Pages as AccountPages
from tests.web.test_mailbox import deliver
from tests.web.test_pages import TOO_SHORT, form_field

LANGUAGE = "zh-CN"
CHINESE = {"accept-language": "zh-CN,zh;q=0.9,en;q=0.8", "accept": "text/html"}
ADDRESS = "mira@example.com"
TEMPLATES = {path.stem for path in (Path(Pages.render.__code__.co_filename).parent / "html").glob("*.html")}

# Names that are the same in every language, in texts that developers read.
NAMES = (
    "HTTP",
    "PUBLIC_URL",
    "ADMIN_TOKEN",
    "Authorization: Bearer",
    "Cookie",
    "Allow",
    "Idempotency-Key",
    "Content-Type: application/json",
    "application/x-www-form-urlencoded",
    "JSON",
    "Retry-After",
    "TestClient",
    "`with`",
    "`errors`",
    "`reasons`",
    "Gatepost",
)


def foreign_words(page: str) -> list[str]:
    """Words in Latin letters that a reader meets, but for names, addresses and what is marked as another language."""
    said = " ".join(Visible(page, LANGUAGE).words)
    said = re.sub(r"\S+@\S+|[0-9a-f-]{36}|\bGatepost\b|\bHTML\b|\bKB\b|\bCookie\b|\bRetry-After\b|\bUTC\b", "", said)
    return re.findall(r"[A-Za-z]+", said)


def is_chinese(answer: Response) -> None:
    """The page says that it is Chinese, and it is."""
    assert answer.headers["content-language"] == LANGUAGE
    assert '<html lang="zh-CN">' in answer.text
    assert foreign_words(answer.text) == []


def sent(client: TestClient, path: str, **fields: str) -> Response:
    """A form of a Chinese page, sent."""
    return client.post(path, data={**form_field(client), **fields}, headers=CHINESE)


def refusing(error: Exception) -> Callable[[Site, TestClient], None]:
    """Let every flow raise."""

    def set_up(site: Site, client: TestClient) -> None:
        for flow in (site.register, site.verify, site.request_verification, site.request_reset, site.reset_password):
            flow.answer = error

    return set_up


def nothing(site: Site, client: TestClient) -> None:
    """Leave everything as it is."""


def several(site: Site, client: TestClient) -> None:
    """Let several registrations wait for the address."""
    site.verify.answer = ChoosePassword()


GOOD = {"email": ADDRESS, "password": "correct horse", "name": "Mira", "token": "abc"}
FORMS = ("/register", "/verify", "/verify/request", "/reset", "/reset/request")
# (template, how to get there): every template, and each in every state it has.
SHOWN = [
    ("register", "/register"),
    ("verify", "/verify?token=abc"),
    ("ask_for_verification", "/verify"),
    ("ask_for_verification", "/verify/request"),
    ("reset", "/reset?token=abc"),
    ("ask_for_reset", "/reset"),
    ("ask_for_reset", "/reset/request"),
]
SENT = [
    ("check_your_inbox", "/register", {}, nothing),
    ("check_your_inbox", "/verify/request", {}, nothing),
    ("check_your_inbox", "/reset/request", {}, nothing),
    ("verified", "/verify", {}, nothing),
    ("choose_password", "/verify", {"password": ""}, several),
    ("choose_password", "/verify", {}, refusing(TOO_SHORT)),
    ("password_was_reset", "/reset", {}, nothing),
    ("register", "/register", {}, refusing(TOO_SHORT)),
    ("register", "/register", {}, refusing(AddressTaken())),
    ("reset", "/reset", {}, refusing(TOO_SHORT)),
    ("ask_for_verification", "/verify", {}, refusing(BadToken())),
    ("ask_for_reset", "/reset", {}, refusing(BadToken())),
    *(("form", path, {}, refusing(DatabaseBusy("full"))) for path in FORMS),
    *(("form", path, {"form_key": "0" * 64}, nothing) for path in FORMS),
    *(("problem", path, {}, refusing(ZeroDivisionError())) for path in FORMS),
]


# Templates of who has an account: shown by `path`, or sent with these fields where there are some.
OF_AN_ACCOUNT = [
    ("login", "/login", None, None),
    ("login", "/login?next=/cart", None, None),
    ("login", "/login", {}, SignInFailed("wrong")),
    ("login", "/login", {}, RateLimited(7)),
    ("login", "/login", {}, RateLimited(700)),
    ("login", "/login", {}, ChallengeFailed()),
    ("account", "/account", None, None),
    ("account", "/account/sign-out", {"form_key": "0" * 64}, None),
    ("signed_out", "/account/sign-out", {}, None),
    ("confirm_address", "/email/confirm?token=abc", None, None),
    ("confirm_address", "/email/confirm", {}, RateLimited(7)),
    ("confirm_address_done", "/email/confirm", {}, None),
    ("undo_address", "/email/undo?token=abc", None, None),
    ("undo_address", "/email/undo", {}, RateLimited(7)),
    ("undo_address_done", "/email/undo", {}, None),
    ("open_the_link", "/email/confirm", None, None),
    ("open_the_link", "/email/undo", {}, BadToken()),
    ("change_profile", "/account/profile", None, None),
    ("change_profile", "/account/profile", {}, TOO_SHORT),
    ("change_password", "/account/password", None, None),
    ("change_password", "/account/password", {}, WrongPassword()),
    ("change_address", "/account/email", None, None),
    ("change_address", "/account/email", {}, WrongPassword()),
    ("delete_account", "/account/delete", None, None),
    ("delete_account", "/account/delete", {}, WrongPassword()),
    ("change_done", "/account/password", {}, None),
    ("change_done", "/account/email", {}, None),
    ("change_done", "/account/delete", {}, None),
]


@pytest.mark.parametrize(("template", "path", "fields", "error"), OF_AN_ACCOUNT)
def test_every_page_of_an_account_is_all_chinese(template, path, fields, error):
    """Each in every state, but for the name of the person and of the browsers."""
    pages = AccountPages()
    pages.flows["find_session"].answer = Current(replace(MIRA, name="米拉", locale=LANGUAGE), HERE.id)
    pages.flows["list_sessions"].answer = [replace(HERE, agent=None), replace(THERE, network="203.0.113.0/24")]
    if error is not None:
        for name in set(pages.flows) - {"find_session", "list_sessions"}:
            pages.flows[name].answer = error
    client = pages.client(signed_in=True)
    if fields is None:
        answer = client.get(path, headers=CHINESE)
    else:
        known = {"email": ADDRESS, "password": "x", "current_password": "x", "token": "abc", **form_field(client)}
        answer = client.post(path, data={**known, **fields}, headers=CHINESE)
    assert answer.headers["content-type"].startswith("text/html")
    is_chinese(answer)


@pytest.mark.parametrize(("template", "path"), SHOWN)
def test_every_page_is_all_chinese(template, path):
    """Nothing a person sees or hears of it is English."""
    answer = Site().client().get(path, headers=CHINESE)
    assert answer.status_code == 200
    is_chinese(answer)


@pytest.mark.parametrize(("template", "path", "fields", "set_up"), SENT)
def test_every_answer_to_a_form_is_all_chinese(template, path, fields, set_up):
    """Success and every kind of failure, in place and on a page of its own."""
    site = Site()
    client = site.client()
    set_up(site, client)
    answer = sent(client, path, **{**GOOD, **fields})
    is_chinese(answer)


def test_the_mailbox_is_all_chinese(tmp_path):
    """Empty, with mail, and each view of a message, but for the message itself."""
    site = Site(mailbox=Mailbox(tmp_path / "mailbox"))
    client = site.client(mailbox_router(site.context), client=("127.0.0.1", 5000))
    assert foreign_words(client.get("/dev/mailbox", headers=CHINESE).text) == []
    deliver(tmp_path / "mailbox")
    page = client.get("/dev/mailbox", headers=CHINESE).text
    assert set(foreign_words(page)) == {"Hello", "script", "alert"}
    found = re.search(r'href="(/dev/mailbox/messages/[^"]+)"', page)
    assert found is not None
    for view in ("html", "text", "source"):
        shown = client.get(found[1], params={"view": view}, headers=CHINESE).text
        mail = r"<pre.*?</pre>|<dd>.*?</dd>|Hello &lt;script[^<]*|<code>.*?</code>|https?://[^<]*|\d px"
        without_mail = re.sub(mail + r'|<span class="words">.*?</span>', "", shown, flags=re.DOTALL)
        assert foreign_words(without_mail) == []
    missing = client.get("/dev/mailbox/messages/none", headers=CHINESE)
    assert "邮箱中没有此名称的邮件。" in missing.text


def test_unsubscribing_is_all_chinese():
    """Its page, its answer, and what is said of a link that is not whole and of a body that is another."""
    site = Site()
    client = site.client(unsubscribe_router(site.context))
    path = f"/mail/unsubscribe/{'A' * 64}"
    answers = [
        client.get(path, headers=CHINESE),
        client.post(path, data={"List-Unsubscribe": "One-Click"}, headers=CHINESE),
        client.get(path[:-1], headers=CHINESE),
        client.post(path, data={"List-Unsubscribe": "No"}, headers=CHINESE),
    ]
    assert [200, 200, 400, 422] == [answer.status_code for answer in answers]
    for answer in answers:
        is_chinese(answer)


def test_what_is_put_into_a_page_is_all_chinese():
    """The banner while mail is delayed, and a problem of ours that no form causes."""
    site = Site()
    site.delayed = True
    client = site.client()
    banner = client.get("/gatepost/mail-delay", headers=CHINESE)
    refusing(ZeroDivisionError())(site, client)
    problem = sent(client, "/register", **GOOD)
    in_place = client.post("/register", data={**form_field(client), **GOOD}, headers={**CHINESE, "hx-request": "true"})
    for answer in (banner, problem, in_place):
        assert answer.headers["content-language"] == LANGUAGE
        assert re.search("[\u4e00-\u9fff]", answer.text)
        assert foreign_words(answer.text) == []
    assert "<html" not in in_place.text


def test_the_pages_of_the_templates_are_all_chinese():
    """The list, and one message in Chinese; names of messages, samples and values are no words."""
    client = Site().client(templates_router(Site().context), client=("127.0.0.1", 5000))
    names = r"<code[^>]*>.*?</code>|<pre.*?</pre>|<dd.*?</dd>|<h[12].*?</h[12]>|<title>.*?</title>"
    for path in ("/dev/templates", f"/dev/templates/verification/{LANGUAGE}"):
        page = client.get(path, headers=CHINESE)
        assert page.status_code == 200
        shown = set(foreign_words(re.sub(names, "", page.text, flags=re.DOTALL)))
        assert shown - {"en", "zh", "CN", "px"} == set()  # tags of languages and a unit


def test_no_page_is_forgotten():
    """The states above use every template there is."""
    used = {template for template, *_ in (*SHOWN, *SENT, *OF_AN_ACCOUNT)} - {"form"} | {
        "mailbox",
        "mail",
        *("page", "parts", "words"),  # every page has them
        *("unsubscribe", "unsubscribed"),
        *("mail_delay", "problem_in_place", "templates", "template", "template_parts", "mail_parts"),
    }
    assert used == TEMPLATES


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_is_all_chinese(code):
    """As problem+json: title, detail and errors hold no English but names; `type` and `code` are those of English."""
    site = Site()
    router = APIRouter(route_class=route_class_for(site.context))

    @router.get("/refusal")
    async def refuse() -> None:
        raise refused(code)

    answer = site.client(router).get("/refusal", headers={"accept-language": LANGUAGE})
    body = answer.json()
    row = PROBLEMS[code]
    assert (answer.status_code, body["type"], body["code"]) == (row.status, row.type, code)
    assert (answer.headers["content-language"], answer.headers["vary"]) == (LANGUAGE, "Accept-Language")
    for text in (body["title"], body["detail"], *(one["detail"] for one in body.get("errors", ()))):
        for name in NAMES:
            text = text.replace(name, "")
        assert (code, re.findall(r"[A-Za-z]+", text)) == (code, [])


@pytest.mark.parametrize("text", sorted({text for _, _, text in _KINDS}))
def test_every_word_of_a_failed_validation_is_chinese(text):
    """What pydantic refuses is said in the same language as the rest."""
    assert re.findall(r"[A-Za-z]+", re.sub("UUID|JSON", "", translate(text, LANGUAGE))) == []


def test_english_would_be_seen():
    """The look at a page finds English in its text, its title and what a screen reader says."""
    client = Site().client()
    assert foreign_words(client.get("/register?locale=en").text) != []
    for page in ("<title>Mailbox</title>", '<nav aria-label="Language">', '<img alt="A gate">', "<p>邮箱 Mailbox</p>"):
        assert foreign_words(page) != []
    assert foreign_words('<a lang="en" aria-label="to English">English</a>') == []


def test_the_service_refuses_in_chinese_what_is_no_route(tmp_path):
    """An unknown address, an unknown host and a method nobody offers, as page and as problem."""
    gatepost = Gatepost(Settings(database_url=f"sqlite:///{tmp_path}/gatepost.db"))
    client = TestClient(create_app(gatepost), base_url=gatepost.settings.public_url)
    assert "<h1>未找到</h1>" in client.get("/nowhere", headers=CHINESE).text
    assert client.get("/nowhere?locale=zh-CN").json()["title"] == "未找到"
    stranger = client.get("/register", headers={**CHINESE, "host": "elsewhere.example"})
    assert (stranger.status_code, stranger.json()["title"]) == (400, "未知主机")
    assert client.put("/auth/register", headers={"accept-language": "zh"}).json()["title"] == "不允许使用此方法"
