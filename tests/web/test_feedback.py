"""POST /feedback/{provider}: what proves itself is handed over, everything else leaves nothing behind."""

from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest

from gatepost.errors import DatabaseUnavailable, FeedbackUnreadable, NotProven, TryLater
from gatepost.events import FeedbackRefused
from gatepost.feedback.fact import Fact, Kind
from gatepost.feedback.provider import MAX_POST_BYTES, Posted
from gatepost.web.body import MAX_BODY_BYTES
from gatepost.web.feedback import feedback_router
from tests.web.site import Flow, Site

FACT = Fact(source="acme", event_id="1", kind=Kind.DELIVERED, at=1)
PROVIDER = "203.0.113.7"


class Acme:
    """A provider that keeps what was posted, then tells or raises."""

    name = "acme"

    def __init__(self, answer: Sequence[Fact] | Exception = (FACT,)) -> None:
        self.answer = answer
        self.posted: list[Posted] = []

    async def read(self, posted: Posted) -> Sequence[Fact]:
        self.posted.append(posted)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Place:
    """The route with one provider."""

    def __init__(self, answer: Sequence[Fact] | Exception = (FACT,), taken: Any = (), **settings: Any) -> None:
        self.acme, self.take = Acme(answer), Flow(taken)
        self.site = Site(settings, providers={"acme": self.acme}, take_feedback=self.take)
        self.client = self.site.client(feedback_router(self.site.context), client=(PROVIDER, 4000))

    def refusals(self) -> list[FeedbackRefused]:
        return [event for event in self.site.happened if isinstance(event, FeedbackRefused)]


def test_what_a_provider_posts_is_handed_over() -> None:
    """Its facts, with the id of the request; the provider saw the very bytes, its header fields and the sender."""
    place = Place()
    answer = place.client.post("/feedback/acme", content=b'{ "a":1,\n "a":2 }', headers={"X-Acme-Signature": "v1"})
    assert (200, {"status": "ok"}) == (answer.status_code, answer.json())
    assert [{"given": ([FACT],), "request_id": answer.headers["x-request-id"]}] == place.take.asked
    (posted,) = place.acme.posted
    assert (b'{ "a":1,\n "a":2 }', "v1", IPv4Address(PROVIDER)) == (
        posted.body,
        posted.headers["x-acme-signature"],
        posted.peer,
    )
    assert posted.now_ms > 0


@pytest.mark.parametrize(
    "kind", ["text/plain; charset=UTF-8", "application/json", "multipart/form-data; boundary=x", ""]
)
def test_whatever_it_calls_its_body(kind: str) -> None:
    """Amazon calls JSON text/plain: what the body is, its provider's reader decides."""
    answer = Place().client.post("/feedback/acme", content=b"\xff{", headers={"content-type": kind})
    assert 200 == answer.status_code


def test_a_post_that_says_nothing_is_taken() -> None:
    """A confirmation, or events that are not kept: answered, and the database is left alone."""
    place = Place(())
    assert 200 == place.client.post("/feedback/acme", content=b"{}").status_code
    assert [] == place.take.asked


def test_what_is_not_proven_is_401_and_leaves_nothing() -> None:
    """Refused before anything is written; the log says why, the answer does not."""
    place = Place(NotProven("no signature fits"))
    answer = place.client.post("/feedback/acme", content=b"{}")
    assert (401, "feedback_not_proven", []) == (answer.status_code, answer.json()["code"], place.take.asked)
    assert "signature fits" not in answer.text
    (refused,) = place.refusals()
    assert ("acme", "no signature fits", answer.headers["x-request-id"]) == (
        refused.source,
        refused.reason,
        refused.request_id,
    )


def test_what_cannot_be_read_is_400() -> None:
    """Proven, and not what the provider documents: told in the log, so that somebody looks."""
    place = Place(FeedbackUnreadable("it has no events"))
    answer = place.client.post("/feedback/acme", content=b"{}")
    assert (400, "feedback_unreadable", []) == (answer.status_code, answer.json()["code"], place.take.asked)
    assert ["it has no events"] == [one.reason for one in place.refusals()]


def test_an_unknown_provider_is_404() -> None:
    """And its body is not read."""
    place = Place()
    answer = place.client.post("/feedback/other", content=b"{}")
    assert (404, "not_found") == (answer.status_code, answer.json()["code"])
    assert "There is no provider of this name." == answer.json()["detail"]


@pytest.mark.parametrize("provider_fails", [True, False])
def test_what_cannot_be_taken_now_is_503(provider_fails: bool) -> None:
    """The provider posts it again: nothing that was not durable is answered 200."""
    later = TryLater("the certificate cannot be had")
    place = Place(later) if provider_fails else Place(taken=DatabaseUnavailable("away"))
    answer = place.client.post("/feedback/acme", content=b"{}")
    assert (503, "try_later") == (answer.status_code, answer.json()["code"])
    assert int(answer.headers["retry-after"]) > 0
    assert [] == place.refusals()


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(("size", "status"), [(MAX_POST_BYTES, 200), (MAX_POST_BYTES + 1, 413)])
def test_a_post_has_at_most_one_mebibyte(size: int, status: int, told: bool) -> None:
    """Counted while it is read, whatever Content-Length says; and the refusal names this limit, not the usual one."""
    place = Place()
    body = b"x" * size
    answer = place.client.post("/feedback/acme", content=body if told else iter([body[:1000], body[1000:]]))
    assert status == answer.status_code
    assert (status == 413) == ("1,048,576" in answer.text)
    assert (status == 200) == bool(place.acme.posted)


def test_every_other_route_still_reads_64_kib() -> None:
    """The higher limit holds where providers post, and nowhere else."""
    client = Site().client()
    answer = client.post(
        "/auth/register", content=b"x" * (MAX_BODY_BYTES + 1), headers={"content-type": "application/json"}
    )
    assert (413, "At most 65,536 bytes are read.") == (answer.status_code, answer.json()["detail"])


def test_the_sender_is_known_through_a_trusted_proxy() -> None:
    """A provider's networks are compared with whom the proxy names, and a stranger's word for it counts for nothing."""
    place = Place(trusted_proxies=f"{PROVIDER}/32")
    place.client.post("/feedback/acme", content=b"{}", headers={"X-Forwarded-For": "192.0.2.1, 198.51.100.9"})
    untrusted = Place()
    untrusted.client.post("/feedback/acme", content=b"{}", headers={"X-Forwarded-For": "198.51.100.9"})
    assert [ip_address("198.51.100.9"), ip_address(PROVIDER)] == [
        place.acme.posted[0].peer,
        untrusted.acme.posted[0].peer,
    ]


def test_no_other_method_is_answered() -> None:
    """There is nothing to be seen there."""
    answer = Place().client.get("/feedback/acme")
    assert (405, "POST") == (answer.status_code, answer.headers["allow"])
