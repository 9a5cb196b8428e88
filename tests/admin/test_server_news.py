"""What a process remembers of a server's outage: when it began, what was heard last, and nothing once it is over."""

from typing import Any

from gatepost.admin.server_news import Outage, ServerNews
from gatepost.events import Events, ProbeFailed, ServerFailed, ServerRecovered
from tests.support.clock import MovableClock

NAME = "mail.example:25"
_ABOUT: dict[str, Any] = {"server": NAME, "cause": "closing", "phase": "greeting", "reply_code": 421, "probe_in_s": 3.0}


def test_an_outage_lasts_from_the_failure_to_the_recovery() -> None:
    """Probes that fail renew what was heard, never since when; the next outage begins anew."""
    events, clock = Events(), MovableClock()
    news = ServerNews(events, clock)
    assert None is news.outage_of(NAME)
    began = clock.now_ms()
    events.emit(ServerFailed(**_ABOUT, reply_text="come back later"))
    clock.move(60)
    events.emit(ProbeFailed(**_ABOUT | {"cause": "connection"}, reply_text="nobody there"))
    found = news.outage_of(NAME)
    assert isinstance(found, Outage)
    assert ("connection", "nobody there") == (found.cause, found.reply_text)
    assert 60 == round((found.heard_at - found.since) / 1000)
    assert found.since - began < 10_000
    events.emit(ServerRecovered(server=NAME, after_s=60.0))
    assert None is news.outage_of(NAME)
    events.emit(ServerFailed(**_ABOUT, reply_text="again"))
    again = news.outage_of(NAME)
    assert isinstance(again, Outage)
    assert again.since - began >= 60_000
