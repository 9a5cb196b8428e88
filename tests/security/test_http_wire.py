"""What a stranger can write on the wire, against a real `gatepost serve` process."""

import json
import re
import socket
from collections.abc import Iterator

import pytest

from gatepost.cli.http_protocol import MAX_HEAD_BYTES
from gatepost.version import VERSION
from tests.support.service import Service
from tests.web.site import SECURITY_HEADERS

ANSWER_TIMEOUT_S = 10.0
ENOUGH = 64 * 1024 * 1024  # what an endless head would have to reach before we call it taken
NOT_HTTP = {
    "a handshake of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an unknown method": b"FOO /register HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a path that is no ASCII": b"GET /\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "NUL in the path": b"GET /re\x00gister HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "NUL in a field": b"GET /register HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n",
    "a blank in a field's name": b"GET /register HTTP/1.1\r\nHost: 127.0.0.1\r\nX y: a\r\n\r\n",
    "a folded field": b"GET /register HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\r\n b\r\n\r\n",
    "two lengths": b"POST /auth/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length below nothing": b"POST /auth/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -2\r\n\r\n{}",
    "a length and chunks": b"POST /auth/verify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One running service for all tests of this file."""
    running = Service(tmp_path_factory.mktemp("wire"))
    running.start()
    running.wait_until_ready()
    yield running
    running.close()


def write(service: Service, *parts: bytes) -> bytes:
    """Write to a connection of its own and return everything that comes back before it is closed."""
    with socket.create_connection(("127.0.0.1", service.port), ANSWER_TIMEOUT_S) as line:
        answer = b""
        try:
            for part in parts:
                line.sendall(part)
            while chunk := line.recv(65_536):
                answer += chunk
        except ConnectionError:
            pass  # closed while we still wrote; what was answered until then counts
        return answer


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, header fields in lower case, and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), {name.lower(): value for name, value in fields.items()}, body


def head(*fields: bytes, start: bytes = b"GET /register HTTP/1.1") -> bytes:
    """The head of a request that asks to be closed after the answer."""
    return b"\r\n".join([start, b"Host: 127.0.0.1", b"Connection: close", *fields, b"", b""])


@pytest.mark.parametrize("name", NOT_HTTP)
def test_what_is_no_http_is_a_problem_like_all_others(service, name):
    """400 as problem+json with every security header field; the connection is closed."""
    status, fields, body = parsed(write(service, NOT_HTTP[name]))
    assert (400, "bad_request") == (status, json.loads(body)["code"])
    assert "application/problem+json" == fields["content-type"]
    assert [] == [wanted for wanted in SECURITY_HEADERS if wanted not in fields]
    assert "close" == fields["connection"]


@pytest.mark.parametrize(
    "request_head",
    [
        head(b"X: " + b"a" * MAX_HEAD_BYTES),
        head(*(b"X-%d: %s" % (number, b"a" * 100) for number in range(400))),
        head(start=b"GET /register?" + b"a" * MAX_HEAD_BYTES + b" HTTP/1.1"),
        head(b"Cookie: " + b"a=b; " * 8000),
        head(b"a" * MAX_HEAD_BYTES + b": x"),
    ],
    ids=["one long field", "many fields", "a long address", "cookies", "a long name"],
)
def test_s95_a_head_of_more_than_32_kib_is_431(service, request_head):
    """Whatever it is made of, it is refused as a problem, and the connection is closed."""
    status, fields, body = parsed(write(service, request_head))
    assert (431, "head_too_large") == (status, json.loads(body)["code"])
    assert [] == [wanted for wanted in SECURITY_HEADERS if wanted not in fields]


def test_s95_a_head_without_an_end_is_refused_while_it_comes(service):
    """Of a field that never ends no more than the limit and one packet is kept."""
    endless = (b"a" * 65_536 for _ in range(ENOUGH // 65_536))
    answer = write(service, b"GET /register HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", *endless)
    # Nothing at all when the close overtook the answer while we were still writing.
    assert answer == b"" or parsed(answer)[0] == 431
    assert 200 == service.get("/healthz")[0]


def test_s95_a_head_of_nearly_32_kib_is_read(service):
    """The limit is where it is said to be, for each request of a connection anew."""
    long = head(b"X: " + b"a" * (MAX_HEAD_BYTES - 300)).replace(b"close", b"keep-alive")
    answer = write(service, long, long, head(b"X: " + b"a" * (MAX_HEAD_BYTES - 300)))
    assert [b"200"] * 3 == re.findall(rb"HTTP/1\.1 (\d+)", answer)


def test_s95_a_body_that_announces_too_much_is_refused_unread(service):
    """413 comes before the body, also for a sender that waits to be told to go on."""
    start = b"POST /auth/verify HTTP/1.1"
    waiting = head(b"Content-Type: application/json", b"Content-Length: 65537", b"Expect: 100-continue", start=start)
    status, _, body = parsed(write(service, waiting))
    assert (413, "body_too_large") == (status, json.loads(body)["code"])


@pytest.mark.parametrize("method", [b"TRACE", b"TRACK", b"OPTIONS", b"PUT", b"PROPFIND", b"SEARCH"])
@pytest.mark.parametrize("path", [b"/register", b"/auth/register", b"/healthz"])
def test_s95_a_method_nobody_offers_is_405_and_names_those_that_are(service, method, path):
    """TRACE least of all: it would show cookies to scripts. Nothing of the request comes back."""
    answer = write(service, head(b"X-Mine: echo-me", start=method + b" " + path + b" HTTP/1.1"))
    status, fields, _ = parsed(answer)
    if method == b"TRACK":  # no method HTTP knows
        assert 400 == status
    else:
        assert (405, True) == (status, bool(fields["allow"]))
    assert b"echo-me" not in answer


def test_s122_no_answer_says_what_answers(service):
    """No Server or X-Powered-By field, and neither our version nor that of a library anywhere."""
    answers = [
        write(service, head()),
        write(service, head(start=b"GET /nowhere HTTP/1.1")),
        write(service, head(start=b"OPTIONS * HTTP/1.1")),
        write(service, head(start=b"POST /auth/register HTTP/1.1")),
        write(service, NOT_HTTP["HTTP/2"]),
    ]
    for answer in answers:
        _, fields, _ = parsed(answer)
        assert set() == {"server", "x-powered-by", "via"} & set(fields)
        assert [] == re.findall(rb"(?i)uvicorn|starlette|fastapi|python/|sqlite", answer)
        assert VERSION.encode() not in answer


def test_the_target_of_a_request_changes_nothing_it_names(service):
    """A target with another authority is answered as ours, and leads nowhere else."""
    answer = write(service, head(start=b"GET http://evil.example/ HTTP/1.1"))
    status, fields, body = parsed(answer)
    assert b"evil.example" not in answer
    assert (303, "/register") == (status, fields["location"])
    assert b"" == body
