"""Which language an answer is in, and what it does to a registration."""

import json
import time

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection

from gatepost.errors import InvalidInput
from gatepost.web.languages import LANGUAGES, MAX_RANGES, locale_of, negotiate, say_language
from tests.web.site import Site
from tests.web.test_pages import TOO_SHORT, Tags, form_field, send

GOOD = {"email": "ada@example.com", "password": "correct horse battery"}
CHINESE = {"accept-language": "zh-CN"}
BROWSER = {"accept": "text/html"}

CHOSEN = {
    # what is said → what is answered; None: nothing we have, so English
    "": None,
    "en": "en",
    "en-GB,en;q=0.5": "en",
    "zh": "zh-CN",
    "zh-CN": "zh-CN",
    "ZH-cn": "zh-CN",
    "zh-Hans": "zh-CN",
    "zh-SG": "zh-CN",
    "zh-Hans-CN": "zh-CN",
    "zh-Hans-HK": "zh-CN",
    "zh-CN,zh;q=0.9,en;q=0.8": "zh-CN",
    "en-US,en;q=0.9,zh-CN;q=0.8": "en",
    "en;q=0.5, zh;q=0.8": "zh-CN",
    "en;q=0.5\t,\tzh ; Q=0.8 ": "zh-CN",
    "fr-FR, fr;q=0.9, zh;q=0.1": "zh-CN",
    "fr": None,
    "de-DE, *;q=0.5": "en",
    "*": "en",
    "zh;q=0.5, *": "en",
    "en;q=0.5, *": "zh-CN",
    # Readers of traditional Chinese are not given the simplified one, also not by the tail their browser adds.
    "zh-TW": None,
    "zh-Hant": None,
    "zh-HK,zh-TW;q=0.9,zh;q=0.8,en;q=0.7": "en",
    "zh-TW,zh;q=0.9,en-US;q=0.8,en;q=0.7": "en",
    "zh-TW,zh;q=0.9": None,
    "zh-TW,zh-CN;q=0.8,en;q=0.5": "zh-CN",
    "zh,zh-TW;q=0.9": "zh-CN",
    # q=0 rules out.
    "zh;q=0, en;q=0.1": "en",
    "zh-CN;q=0.000, zh": None,
    "zh;q=0, zh-CN": "zh-CN",
    "en;q=0, *": "zh-CN",
    "*;q=0": None,
    "zh, *;q=0": "zh-CN",
    "zh-TW;q=0, zh": "zh-CN",
    # What is no range is passed over, the rest counts.
    "zh;q=2, en": "en",
    "zh;q=0.1234, en": "en",
    "zh;q=, en": "en",
    "zh;level=1, en": "en",
    "zh_CN, en": "en",
    "zh-, en": "en",
    "-zh, en": "en",
    "中文, en": "en",
    "zh\r\nSet-Cookie: a=b, en": "en",
    ",,, ;q=1, zh": "zh-CN",
    "abcdefghi-CN, en": "en",
}


def connection(accept_language: str | list[str] | None = None, query: str = "") -> HTTPConnection:
    """A request with these field lines."""
    lines = [accept_language] if isinstance(accept_language, str) else accept_language or []
    headers = [(b"accept-language", line.encode("utf-8")) for line in lines]
    return HTTPConnection({"type": "http", "headers": headers, "query_string": query.encode()})


@pytest.mark.parametrize(("field", "language"), CHOSEN.items(), ids=[repr(field) for field in CHOSEN])
def test_the_language_is_chosen_by_accept_language(field, language):
    """Ranges in the order of their weights, the nearest language we have, none in the wrong script."""
    assert negotiate(field) == language


def test_several_field_lines_are_one_field():
    """A proxy may have split it."""
    assert locale_of(connection(["en;q=0.5", "zh;q=0.8"])) == "zh-CN"


def test_what_comes_after_the_bounds_is_not_read():
    """The first 32 ranges and 1,024 characters count; half a range at the end does not."""
    assert negotiate(",".join(["fr"] * (MAX_RANGES - 1) + ["zh"])) == "zh-CN"
    assert negotiate(",".join(["fr"] * MAX_RANGES + ["zh"])) is None
    assert negotiate("fr," + " " * 1021 + "zh") is None
    assert negotiate("en;q=0.1," + "x" * 1013 + "zh,") == "en"
    assert negotiate("en;q=0.1," + " " * 1013 + "zh-TW") == "en"


@pytest.mark.parametrize("piece", ["zh-", "a-", ",", ";q=0.", "zh,", "*,", "zh;q=0,", "\x00", "q=0;", " ", "zh-TW,"])
def test_a_hostile_field_costs_next_to_nothing(piece):
    """A field of 64 KiB is read no further than its bound."""
    began = time.perf_counter()
    negotiate(piece * (65_536 // len(piece)))
    assert time.perf_counter() - began < 0.1


@given(st.text(alphabet="zhenTW-*;,q=01. \t", max_size=200))
def test_whatever_is_sent_the_answer_is_one_of_ours(field):
    """No field raises, and none gives a language there is not."""
    assert negotiate(field) in {*LANGUAGES, None}


@pytest.mark.parametrize(
    ("query", "field", "language"),
    [
        ("locale=zh-CN", "en", "zh-CN"),
        ("locale=en", "zh-CN", "en"),
        ("locale=zh", None, "zh-CN"),
        ("locale=en-GB", "zh-CN", "en"),
        ("locale=zh-TW", "zh-CN", "zh-CN"),  # nothing we have: the header decides
        ("locale=fr", None, None),
        ("locale=", "zh-CN", "zh-CN"),
        ("locale=../../etc/passwd", "zh-CN", "zh-CN"),
        ("locale=%00%ff", None, None),
        ("locale=" + "z" * 5000, "zh", "zh-CN"),
    ],
)
def test_the_query_comes_before_the_header(query, field, language):
    """`locale` in the address wins where it names a language we have."""
    assert locale_of(connection(field, query)) == language


def test_vary_is_added_to_what_is_there():
    """A host application's own Vary stays."""
    headers = MutableHeaders({"Vary": "Origin"})
    say_language(headers, "zh-CN")
    assert (headers["vary"], headers["content-language"]) == ("Origin, Accept-Language", "zh-CN")


# ---- problems ---------------------------------------------------------------------------------------------------


def test_a_problem_is_said_in_the_language_of_the_request():
    """Title, detail and field details are translated; type, code and field are not."""
    site = Site()
    answers = {}
    for language in ("en", "zh-CN"):
        answer = site.client().post("/auth/register", json={"email": 5}, headers={"accept-language": language})
        assert answer.headers["content-language"] == language
        assert answer.headers["vary"] == "Accept-Language"
        answers[language] = answer.json()
    assert answers["zh-CN"]["title"] == "填写的内容无法使用"
    assert [one["detail"] for one in answers["zh-CN"]["errors"]] == ["必须是文本。", "必填。"]
    for name in ("type", "status", "code"):
        assert answers["zh-CN"][name] == answers["en"][name]
    parts = [[(one["field"], one["code"]) for one in answer["errors"]] for answer in answers.values()]
    assert parts[0] == parts[1] == [("email", "wrong_type"), ("password", "required")]


def test_a_value_stands_in_the_translated_sentence():
    """The sentence around a number is translated, the number stays."""
    site = Site()
    site.register.answer = TOO_SHORT
    answer = site.client().post("/auth/register", json=GOOD, headers=CHINESE)
    assert [one["detail"] for one in answer.json()["errors"]] == ["请至少使用 12 个字符。"]


@pytest.mark.parametrize("path", ["/auth/register", "/auth/verify", "/auth/verify/request", "/auth/password/reset"])
def test_a_body_that_names_its_language_is_answered_in_it(path):
    """The member `locale` of any JSON body counts before the header, also where the body is refused."""
    answer = (
        Site()
        .client()
        .post(path, json={"locale": "zh-CN", "password": 5, "email": 5}, headers={"accept-language": "en"})
    )
    assert (answer.status_code, answer.headers["content-language"]) == (422, "zh-CN")


@pytest.mark.parametrize(("query", "language"), [("en", "en"), ("zh", "zh-CN"), ("fr", "zh-CN"), ("", "zh-CN")])
def test_the_query_comes_before_the_body(query, language):
    """Where it names no language of ours, the body is asked next."""
    body = {"locale": "zh-CN", "password": 5}
    answer = Site().client().post("/auth/verify", params={"locale": query}, json=body)
    assert (answer.status_code, answer.headers["content-language"]) == (422, language)


@pytest.mark.parametrize("locale", [None, 5, [], {}, "", "fr", "x" * 60_000, "\ud800"])
def test_a_body_that_names_no_language_of_ours_leaves_it_to_the_header(locale):
    """Whatever JSON value stands for it."""
    body = json.dumps({"locale": locale, "password": 5})
    answer = Site().client().post("/auth/verify", content=body, headers=CHINESE | {"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-language"]) == (422, "zh-CN")


def test_an_answer_without_words_names_no_language():
    """A 202 is the same for everybody."""
    answer = Site().client().post("/auth/register", json=GOOD, headers=CHINESE)
    assert (answer.status_code, "content-language" in answer.headers, "vary" in answer.headers) == (202, False, False)


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (HTTPException(403, "Members only"), "Members only"),
        (HTTPException(403), "包含 Gatepost 的应用拒绝了此请求。"),
        (HTTPException(418, {"teapot": True}), "包含 Gatepost 的应用拒绝了此请求。"),
        (HTTPException(499, ""), "包含 Gatepost 的应用拒绝了此请求。"),
    ],
)
def test_a_host_applications_own_words_stay(error, detail):
    """What the host says is said as it is; the phrase of the status alone is no word of its."""
    site = Site()
    site.register.answer = error
    answer = site.client().post("/auth/register", json=GOOD, headers=CHINESE)
    assert (answer.status_code, answer.json()["title"], answer.json()["detail"]) == (
        error.status_code,
        "请求被拒绝",
        detail,
    )


def test_a_host_applications_vary_stays():
    """Header fields of a refusal are kept beside ours."""
    site = Site()
    site.register.answer = HTTPException(403, "no", {"Vary": "Cookie"})
    for accept in ("application/json", "text/html"):
        answer = send_as(site, accept)
        assert answer.headers["vary"] == "Cookie, Accept-Language"


def send_as(site: Site, accept: str):
    """Register by page or by JSON, as a program or a browser would."""
    client = site.client()
    if accept == "application/json":
        return client.post("/auth/register", json=GOOD)
    return client.post("/register", data={**form_field(client), **GOOD}, headers={"accept": accept})


# ---- registrations ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "headers", "locale", "preferred"),
    [
        ("/auth/register", {}, {}, None, None),
        ("/auth/register", {}, CHINESE, None, "zh-CN"),
        ("/auth/register", {}, {"accept-language": "fr"}, None, None),
        ("/auth/register", {}, {"accept-language": "zh-Hans-SG, en"}, None, "zh-CN"),
        ("/auth/register?locale=zh-CN", {}, {"accept-language": "en"}, None, "zh-CN"),
        ("/auth/register", {"locale": "fr"}, CHINESE, "fr", "zh-CN"),
        ("/auth/register", {"locale": ""}, {}, "", None),
    ],
)
def test_a_registration_without_locale_takes_the_languages_of_its_request(path, body, headers, locale, preferred):
    """What the body says is handed on as it is, and beside it what the request prefers."""
    site = Site()
    site.client().post(path, json={**GOOD, **body}, headers=headers)
    (asked,) = site.register.asked
    assert (asked["locale"], asked["preferred_locale"]) == (locale, preferred)


def test_a_form_takes_the_language_of_its_page():
    """The language the page was opened in on purpose goes before the browser's."""
    site = Site()
    client = site.client()
    send(client, "/register", **GOOD, locale="zh-CN")
    client.post("/register", data={**form_field(client), **GOOD}, headers={"accept-language": "zh"})
    client.post("/register", data={**form_field(client), **GOOD, "locale": "fr"})
    assert [one["preferred_locale"] for one in site.register.asked] == ["zh-CN", "zh-CN", None]
    assert {one["locale"] for one in site.register.asked} == {None}


# ---- pages ------------------------------------------------------------------------------------------------------


def test_a_page_is_in_the_language_of_the_browser():
    """The element html names it, and so do the header fields."""
    answer = Site().client().get("/register", headers=CHINESE)
    assert Tags(answer.text).of("html") == [{"lang": "zh-CN"}]
    assert (answer.headers["content-language"], answer.headers["vary"]) == ("zh-CN", "Accept-Language")
    assert "<h1>创建您的账号</h1>" in answer.text


def test_every_page_that_can_be_opened_leads_to_its_other_language():
    """A link without a script, named in its own language; it leads to the same page."""
    client = Site().client()
    for path in ("/register", "/verify", "/verify/request", "/reset", "/reset/request"):
        (link,) = [one for one in Tags(client.get(path).text).of("a") if "hreflang" in one]
        assert link == {"href": "?locale=zh-CN", "hreflang": "zh-CN", "lang": "zh-CN"}
        (back,) = [one for one in Tags(client.get(path, params={"locale": "zh-CN"}).text).of("a") if "hreflang" in one]
        assert back == {"href": "?locale=en", "hreflang": "en", "lang": "en"}


@pytest.mark.parametrize("path", ["/verify", "/reset"])
def test_the_token_stays_with_its_page(path):
    """The link to the other language takes the token along; every other link and the address of the form do not."""
    page = Tags(Site().client().get(path, params={"token": "abc&d=<e>", "locale": "en"}).text)
    addresses = {one.get("href") or one.get("action") or one.get("src") or "" for _, one in page.tags}
    assert {one for one in addresses if "abc" in one} == {"?token=abc%26d%3D%3Ce%3E&locale=zh-CN"}
    assert {"type": "hidden", "name": "token", "value": "abc&d=<e>"} in page.of("input")


def test_a_form_that_came_back_leads_to_its_page_again():
    """After a wrong field the other language still has the token; after a bad token nobody has it."""
    site = Site()
    client = site.client()
    site.reset_password.answer = InvalidInput(TOO_SHORT.errors)
    page = Tags(send(client, "/reset", token="abc", password="short", locale="zh-CN").text)
    assert {"href": "?token=abc&locale=en", "hreflang": "en", "lang": "en"} in page.of("a")
    assert {"type": "hidden", "name": "locale", "value": "zh-CN"} in page.of("input")


def test_a_language_that_was_asked_for_goes_along():
    """Links and forms keep it; a language the browser prefers needs no keeping."""
    client = Site().client()
    asked = Tags(client.get("/register?locale=zh-CN").text)
    assert "/login?locale=zh-CN" in {one["href"] for one in asked.of("a")}
    assert {"type": "hidden", "name": "locale", "value": "zh-CN"} in asked.of("input")
    preferred = Tags(client.get("/register", headers=CHINESE).text)
    assert "/login" in {one["href"] for one in preferred.of("a")}
    assert [one for one in preferred.of("input") if one["name"] == "locale"] == []


def test_an_answer_to_a_form_is_in_the_forms_language():
    """Success, a wrong field and a refusal, each in the language the form was shown in."""
    site = Site()
    client = site.client()
    assert "请查收邮件" in send(client, "/register", **GOOD, locale="zh-CN").text
    site.register.answer = TOO_SHORT
    assert "请至少使用 12 个字符。" in send(client, "/register", **GOOD, locale="zh-CN").text
    stale = client.post("/register", data={**GOOD, "locale": "zh-CN"}, headers=BROWSER)
    assert (stale.status_code, "表单打开的时间过长" in stale.text) == (403, True)


def test_a_locale_of_nobodys_changes_nothing():
    """An unknown or hostile `locale` shows the page as without it, and is not repeated."""
    client = Site().client()
    for locale in ("xx", "<script>", "zh-TW", "../en", "%00"):
        answer = client.get("/register", params={"locale": locale})
        assert (answer.status_code, answer.headers["content-language"]) == (200, "en")
        assert locale not in answer.text.replace("zh-CN", "")


def test_a_page_that_only_a_form_leads_to_has_no_link_to_another_language():
    """Following it would lose what was done."""
    site = Site()
    client = site.client()
    pages = [
        send(client, "/register", **GOOD),
        send(client, "/verify", token="abc"),
        send(client, "/reset", token="abc", password="correct horse"),
        client.get("/nowhere", headers=BROWSER),
    ]
    assert [one for page in pages for one in Tags(page.text).of("a") if "hreflang" in one] == []
