"""What holds around every endpoint, in a host application that only includes our routers."""

import json
import uuid

import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException

from gatepost.errors import AddressTaken, BadToken, DatabaseBusy, DatabaseUnavailable, HashingBusy, NotStarted
from gatepost.events import RequestAnswered, RoutineAnswered
from gatepost.web.accounts import accounts_router
from gatepost.web.health import health_router
from gatepost.web.route import route_class_for
from tests.web.site import PRODUCTION, SECURITY_HEADERS, Site

GOOD = {"email": "ada@example.com", "password": "correct horse battery"}


def test_every_error_is_a_problem_that_names_its_field():
    """A validation error is problem+json with type, code and the field, and repeats nothing that was sent."""
    site = Site()
    answer = site.client().post("/auth/register", json={"email": 5, "password": ["hunter2hunter2"]})
    body = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["type"] == "urn:gatepost:problem:invalid-input"
    assert body["code"] == "invalid_input"
    assert body["request_id"] == answer.headers["x-request-id"]
    assert [(one["field"], one["code"]) for one in body["errors"]] == [
        ("email", "wrong_type"),
        ("password", "wrong_type"),
    ]
    assert "hunter2" not in answer.text
    assert site.register.asked == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadToken(), 400, "bad_token"),
        (AddressTaken(), 409, "address_taken"),
        (DatabaseUnavailable("the disk is full at /var/secret"), 503, "try_later"),
        (DatabaseBusy("4096 wait"), 503, "try_later"),
        (HashingBusy("2048 wait"), 503, "try_later"),
        (NotStarted("no lifespan"), 503, "not_started"),
        (HTTPException(418, "teapot"), 418, "http_error"),
        (ZeroDivisionError("at /home/secret"), 500, "internal_error"),
    ],
)
def test_every_kind_of_error_has_its_problem(error, status, code):
    """Each error of the tree becomes its own problem, and none shows what it says to the log."""
    site = Site()
    site.register.answer = error
    answer = site.client().post("/auth/register", json=GOOD)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)
    assert site.rings == 0


def test_a_bug_is_recorded_under_the_request_id():
    """A 500 leaves one RequestFailed with the traceback, and the caller gets nothing but the id."""
    site = Site()
    site.register.answer = ZeroDivisionError("inside")
    answer = site.client().post("/auth/register", json=GOOD)
    (failure,) = site.failures()
    assert failure.request_id == answer.json()["request_id"]
    assert failure.error == "ZeroDivisionError"
    assert "Traceback" in failure.traceback
    assert "ZeroDivisionError" not in answer.text


def test_every_answer_carries_the_security_headers():
    """200, 204, 400, 403, 405, 413, 415, 422, 500 and 503 all carry the same set."""
    site = Site(PRODUCTION)
    client = site.client()
    answers = [
        client.post("/auth/register", json=GOOD),
        client.post("/auth/password/reset", json={"token": "x", "password": "y"}),
        client.get("/auth/register"),
        client.post("/auth/register", content=b"x" * 70_000, headers={"content-type": "application/json"}),
        client.post("/auth/register", content=b"a=b", headers={"content-type": "text/plain"}),
        client.post("/auth/register", json={}),
        client.post("/auth/register", json=GOOD, headers={"origin": "https://evil.example"}),
        client.get("/register"),
        client.get("/gatepost/static/gatepost.css"),
    ]
    site.register.answer = ZeroDivisionError()
    answers.append(client.post("/auth/register", json=GOOD))
    assert [answer.status_code for answer in answers] == [202, 204, 405, 413, 415, 422, 403, 200, 200, 500]
    for answer in answers:
        assert [name for name in SECURITY_HEADERS if name not in answer.headers] == []
        assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_plain_http_is_not_pinned_to_https():
    """Without HTTPS in PUBLIC_URL there is no HSTS: it would lock the developer's localhost."""
    answer = Site().client().get("/register")
    assert "strict-transport-security" not in answer.headers


def test_the_body_limit_counts_what_arrives():
    """A chunked body without Content-Length is cut at 65,536 bytes, and nothing reaches the flow."""
    site = Site()
    chunks = (b" " * 1024 for _ in range(100))
    answer = site.client().post("/auth/register", content=chunks, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert site.register.asked == []


def test_a_chunked_form_is_cut_as_well():
    """The pages' forms have the same limit."""
    chunks = (b"a" * 1024 for _ in range(100))
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = Site().client().post("/register", content=chunks, headers=kind)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_body_of_just_the_limit_is_read():
    """65,536 bytes are read, one more is not."""
    client = Site().client()
    body = json.dumps(GOOD).encode()
    kind = {"content-type": "application/json"}
    sizes = [
        client.post("/auth/register", content=body.ljust(size), headers=kind).status_code for size in (65_536, 65_537)
    ]
    assert sizes == [202, 413]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
def test_json_routes_take_nothing_but_json(kind):
    """A form or plain text, which any page of the world could send, is 415."""
    site = Site()
    answer = site.client().post("/auth/register", content=json.dumps(GOOD), headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert site.register.asked == []


def test_json_with_a_charset_is_json():
    """Parameters of the media type do not matter."""
    kind = {"content-type": "application/json; charset=utf-8"}
    answer = Site().client().post("/auth/register", content=json.dumps(GOOD), headers=kind)
    assert answer.status_code == 202


def test_no_body_at_all_names_what_is_missing():
    """Without body and content type the answer says what is required."""
    answer = Site().client().post("/auth/register")
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"field": "body", "code": "required", "detail": "Is required."}],
    )


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (b"{", "body", "not_json"),
        (b'{"email": NaN}', "body", "not_json"),
        (b"\xff\xfe{}", "body", "not_json"),
        (b"[" * 60_000, "body", "not_json"),
        (b'{"email": ' + b"9" * 5_000 + b"}", "body", "not_json"),
        (b'{"email":"a@b.example","email":"c@d.example","password":"x"}', "email", "repeated"),
        (b'{"evil":1,"evil":2}', "body", "repeated"),
        (b"[]", "body", "wrong_type"),
        (b'{"email": ["a@b.example","c@d.example"], "password": "x"}', "email", "wrong_type"),
        (b'{"email": "\\ud800@example.com", "password": "x"}', "email", "invalid_text"),
    ],
)
def test_json_is_read_strictly(body, field, code):
    """Repeated names, NaN, other encodings, deep nesting and lone surrogates are refused as bad input."""
    site = Site()
    answer = site.client().post("/auth/register", content=body, headers={"content-type": "application/json"})
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"], error["code"]) == (422, field, code)
    assert site.register.asked == []


def test_a_method_nobody_offers_is_a_problem_with_allow():
    """405 names every method of the path, also where two routes share it."""
    client = Site().client()
    for path, allow in (("/auth/register", "POST"), ("/register", "GET, HEAD, POST")):
        answer = client.delete(path)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["allow"] == allow


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({}, True),
        ({"origin": "https://gate.example.com"}, True),
        ({"origin": "https://gate.example.com:443"}, True),
        ({"origin": "http://gate.example.com"}, False),
        ({"origin": "https://gate.example.com:8443"}, False),
        ({"origin": "https://gate.example.com.evil.example"}, False),
        ({"origin": "http://localhost:443"}, False),
        ({"origin": "null"}, False),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
    ],
)
def test_only_our_own_pages_may_send(headers, passes):
    """An unsafe request passes when it comes from our origin or from no page at all."""
    site = Site(PRODUCTION)
    answer = site.client().post("/auth/register", json=GOOD, headers=headers)
    assert answer.status_code == (202 if passes else 403)
    if not passes:
        assert answer.json()["code"] == "foreign_origin"
    assert len(site.register.asked) == passes


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("http://localhost:9999", False),
        ("http://evil.example:8000", False),
    ],
)
def test_in_development_any_loopback_name_with_our_port_is_ours(origin, passes):
    """localhost and 127.0.0.1 are the same developer; another port is another program."""
    answer = Site().client().post("/auth/register", json=GOOD, headers={"origin": origin})
    assert answer.status_code == (202 if passes else 403)


def test_reading_is_not_asked_where_it_comes_from():
    """A link in a mail is followed from another site."""
    answer = Site().client().get("/verify?token=x", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200


def test_a_stranger_cannot_choose_the_request_id():
    """X-Request-Id is taken from trusted proxies only."""
    given = {"x-request-id": "chosen-by-a-stranger"}
    answer = Site().client(client=("203.0.113.9", 1)).get("/register", headers=given)
    assert uuid.UUID(answer.headers["x-request-id"]).version == 4


@pytest.mark.parametrize(("given", "taken"), [("abcd-1234.5_6", True), ("short", False), ("x" * 65, False)])
def test_a_trusted_proxy_gives_the_request_id(given, taken):
    """The proxy's id is kept when it has a harmless form, so that its log and ours can be joined."""
    site = Site({"trusted_proxies": "10.0.0.0/8"})
    answer = site.client(client=("10.1.2.3", 1)).get("/register", headers={"x-request-id": given})
    assert (answer.headers["x-request-id"] == given) == taken
    assert site.answered()[0].request_id == answer.headers["x-request-id"]


def test_the_answer_is_recorded_before_the_bell_rings():
    """RequestAnswered carries method, path, status and duration, and does not wait for background tasks."""
    site = Site()
    router = APIRouter(prefix="/auth", route_class=route_class_for(site.context))
    order = []
    site.context.events.subscribe(lambda event: order.append(type(event)))

    @router.post("/bell")
    async def post_bell(background: BackgroundTasks) -> None:
        background.add_task(order.append, "bell")

    site.client(router).post("/auth/bell")
    (answered,) = site.answered()
    assert (answered.method, answered.route, answered.status) == ("POST", "/auth/bell", 200)
    assert answered.duration_ms >= 0
    assert order == [RequestAnswered, "bell"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/auth/register", GOOD),
        ("/auth/verify", {"token": "x"}),
        ("/auth/verify/request", GOOD),
        ("/auth/password/reset/request", GOOD),
        ("/auth/password/reset", {"token": "x", "password": "y"}),
    ],
)
def test_the_bell_rings_after_every_success_and_no_refusal(path, body):
    """Each flow that may have promised mail rings once; a refused request promised none."""
    site = Site()
    client = site.client()
    assert client.post(path, json=body).status_code < 300
    assert site.rings == 1
    assert client.post(path, json={}, headers={"origin": "https://evil.example"}).status_code == 403
    assert site.rings == 1


def test_a_dependency_of_the_host_is_refused_in_its_own_words():
    """An HTTPException of the application around us keeps its status, text and header fields."""
    site = Site()

    async def closed() -> None:
        raise HTTPException(451, "Not in your country.", headers={"Link": "<https://example.com>"})

    app = site.host()
    app.include_router(accounts_router(site.context, prefix="/closed"), dependencies=[Depends(closed)])
    answer = site.client().post("/auth/register", json=GOOD)
    assert answer.status_code == 202
    from_closed = type(site.client())(app).post("/closed/register", json=GOOD)
    assert (from_closed.status_code, from_closed.json()["detail"]) == (451, "Not in your country.")
    assert from_closed.headers["link"] == "<https://example.com>"


def test_routers_included_twice_deep_keep_everything():
    """A prefix of the host's own around our router changes nothing but the path."""
    site = Site()
    outer = APIRouter(prefix="/api")
    outer.include_router(accounts_router(site.context))
    client = site.client(outer)
    assert client.post("/api/auth/register", json=GOOD).status_code == 202
    answer = client.get("/api/auth/register")
    assert (answer.status_code, answer.headers["allow"], answer.json()["code"]) == (405, "POST", "method_not_allowed")


def test_an_answer_of_503_is_recorded_with_its_cause():
    """Operators read why; the answer itself says only when to come again."""
    site = Site()
    site.register.answer = DatabaseUnavailable("/data/gatepost.db: the disk is full")
    answer = site.client().post("/auth/register", json={"email": "a@example.com", "password": "p"})
    (answered,) = site.answered()
    assert ("try_later", "/data/gatepost.db: the disk is full") == (answered.code, answered.reason)
    assert "disk" not in answer.text


def test_probes_are_recorded_as_routine_until_one_says_no():
    """A probe every second must not bury the log; a refused one belongs there."""
    site = Site()
    client = site.client(health_router(site.context))
    client.get("/readyz")
    site.reasons.append("stopping")
    client.get("/readyz")
    assert [RoutineAnswered, RequestAnswered] == [type(event) for event in site.answered()]
