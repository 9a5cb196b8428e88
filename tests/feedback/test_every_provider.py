"""What holds for every provider: nothing without its key, nothing that cannot be stored, no event that breaks it."""

import asyncio
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.errors import FeedbackUnreadable, NotProven, SettingsError
from gatepost.feedback.fact import MAX_EVENT_ID_CHARACTERS, Fact, Kind
from gatepost.feedback.provider import Posted, Provider
from gatepost.feedback.providers import signatures
from gatepost.feedback.providers.every import every_provider
from gatepost.parts import build_providers
from gatepost.settings import Settings
from tests.feedback.posting import (
    AMAZON,
    LOGIN,
    MAILGUN_KEY,
    SECRET,
    TOPIC,
    Amazon,
    SendGridKey,
    Sns,
    by_sns,
    mailgun,
    posted,
    postmark,
    standard,
)
from tests.support.certificates import Authority

NAMES = ("ses", "postmark", "sendgrid", "mailgun", "resend", "standard")
NO_FILE = Path("/nonexistent/gatepost.toml")


def load(**variables: str) -> Settings:
    return Settings.load({f"GATEPOST_FEEDBACK_{name}": value for name, value in variables.items()}, NO_FILE)


def with_every_key(key: SendGridKey) -> Settings:
    return load(
        SES_TOPICS=TOPIC,
        POSTMARK_LOGIN=LOGIN,
        SENDGRID_KEY=key.shown,
        MAILGUN_KEY=MAILGUN_KEY,
        RESEND_SECRETS=SECRET,
        STANDARD_SECRETS=SECRET,
    )


def post(name: str, event: Any, key: SendGridKey, sns: Sns) -> Posted:
    """Put an event into a post of a provider, proven."""
    ways: Mapping[str, Callable[[], Posted]] = {
        "ses": lambda: by_sns(sns.notification(json.dumps(event))),
        "postmark": lambda: postmark(event),
        "sendgrid": lambda: key.post([event, event]),
        "mailgun": lambda: mailgun(event),
        "resend": lambda: standard(event, prefix="svix"),
        "standard": lambda: standard(event),
    }
    return ways[name]()


def test_every_provider_is_there_with_every_key(sendgrid_key: SendGridKey) -> None:
    """Under the name it has in the route and as the source of its facts."""
    providers = build_providers(with_every_key(sendgrid_key))
    assert set(NAMES) == set(providers)
    assert all(name == provider.name for name, provider in providers.items())


@pytest.mark.parametrize("name", NAMES)
async def test_s113_without_its_key_a_provider_proves_nothing(name: str, sendgrid_key: SendGridKey, sns: Sns) -> None:
    """Whatever is posted, and the refusal names the setting that is missing."""
    provider = build_providers(load())[name]
    assert name == provider.name
    for one in (post(name, {}, sendgrid_key, sns), posted(b"", {})):
        with pytest.raises(NotProven, match=f"GATEPOST_FEEDBACK_{name.upper()}_[A-Z]+ is not set"):
            await provider.read(one)


@pytest.mark.parametrize("name", NAMES)
async def test_s113_what_proves_nothing_is_refused(name: str, sendgrid_key: SendGridKey, sns: Sns) -> None:
    """Without any proof, and with that of another provider."""
    provider = build_providers(with_every_key(sendgrid_key))[name]
    others = [post(other, {}, sendgrid_key, sns) for other in NAMES if other != name]
    for one in (posted(b"", {}), posted(b"{}", {}), posted(b"[]", {}), *others):
        with pytest.raises(NotProven):
            await provider.read(one)


WORDS = st.sampled_from(
    [
        *("failed", "bounce", "dropped", "permanent", "Bounce", "HardBounce", "email.bounced", "message.bounced"),
        *("Permanent", "Transient", "General", "5.1.1", "550 5.1.1 x", "<a@b.example>", "2026-11-24T00:00:00Z"),
        *(
            "",
            "\x00",
            "\ud800",
            "a\x00@example.com",
            "a\ud800@b.example",
            "a\r\nBcc: b@c.example",
            "💌" * 400,
            "9" * 400,
        ),
    ]
)
NAMES_OF_FIELDS = st.sampled_from(
    [
        *(
            "event",
            "RecordType",
            "Type",
            "type",
            "eventType",
            "notificationType",
            "data",
            "event-data",
            "mail",
            "bounce",
        ),
        *(
            "email",
            "Email",
            "recipient",
            "to",
            "emailAddress",
            "bouncedRecipients",
            "status",
            "Details",
            "detail",
            "reason",
        ),
        *("timestamp", "BouncedAt", "created_at", "sg_event_id", "ID", "MessageID", "messageId", "message", "headers"),
        *(
            "message-id",
            "delivery-status",
            "enhanced-code",
            "severity",
            "tags",
            "gatepost",
            "Metadata",
            "smtp-id",
            "name",
        ),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.text(st.characters(), max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES_OF_FIELDS, inner, max_size=8),
    max_leaves=30,
)
EVENTS = st.dictionaries(NAMES_OF_FIELDS, VALUES, max_size=12)
# What each provider needs so that the rest is looked at.
SEEDS: Mapping[str, dict[str, Any]] = {
    "ses": {"eventType": "Bounce", "bounce": {"bouncedRecipients": [{}]}},
    "postmark": {"RecordType": "Bounce"},
    "sendgrid": {"event": "bounce"},
    "mailgun": {"event": "failed", "severity": "permanent"},
    "resend": {"type": "email.bounced", "data": {}},
    "standard": {"type": "message.bounced", "data": {}},
}


def merged(seed: Any, more: Any) -> Any:
    if isinstance(seed, dict) and isinstance(more, dict):
        return {name: merged(seed.get(name), more.get(name)) for name in seed | more}
    if isinstance(seed, list) and isinstance(more, dict):
        return [merged(item, more) for item in seed]
    return more if seed is None else seed


def assert_fits_the_table(fact: Fact, name: str) -> None:
    assert name == fact.source
    assert 1 <= len(fact.event_id) <= MAX_EVENT_ID_CHARACTERS
    assert (fact.kind is Kind.BOUNCED) == (fact.bounce is not None)
    assert 0 <= fact.at <= 253_402_300_799_999
    assert fact.proven
    for text in (fact.event_id, fact.message_id, fact.recipient, fact.status, fact.text):
        assert text is None or (text.isprintable() and text.strip() == text != "" and text.encode("utf-8"))
    assert fact.text is None or len(fact.text) <= 500


@pytest.mark.parametrize("name", NAMES)
def test_no_event_breaks_a_provider(name: str, sendgrid_key: SendGridKey, sns: Sns, authority: Authority) -> None:
    """Whatever a proven post holds is facts that every database stores, or is told to be unreadable."""
    with asyncio.Runner() as runner:
        amazon = Amazon(sns.pem)
        serving = amazon.serving(authority.serving(f"DNS:{AMAZON}"))
        runner.run(_entered(serving))
        providers = every_provider(with_every_key(sendgrid_key), amazon.fetch(authority.trusting()))

        @settings(max_examples=100, deadline=None, derandomize=True)
        @given(EVENTS)
        def hold(event: dict[str, Any]) -> None:
            _read_all(runner, providers[name], post(name, merged(SEEDS[name], event), sendgrid_key, sns), name)

        hold()
        runner.run(serving.__aexit__(None, None, None))


async def _entered(context: Any) -> None:
    await context.__aenter__()


def _read_all(runner: asyncio.Runner, provider: Provider, one: Posted, name: str) -> None:
    try:
        facts = runner.run(_read(provider, one))
    except FeedbackUnreadable:
        return
    for fact in facts:
        assert_fits_the_table(fact, name)


async def _read(provider: Provider, one: Posted) -> list[Fact]:
    return list(await provider.read(one))


@pytest.mark.parametrize("name", NAMES)
async def test_the_seeds_are_read_as_bounces(
    name: str, sendgrid_key: SendGridKey, sns: Sns, amazon: Amazon, authority: Authority
) -> None:
    """Else the test above would look at nothing."""
    providers = every_provider(with_every_key(sendgrid_key), amazon.fetch(authority.trusting()))
    event = merged(SEEDS[name], {"data": {"recipient": "ada@example.com"}})
    facts = await providers[name].read(post(name, event, sendgrid_key, sns))
    assert {Kind.BOUNCED} == {fact.kind for fact in facts}


# What is optional


@pytest.mark.parametrize(("setting", "value"), [("SES_TOPICS", TOPIC), ("SENDGRID_KEY", "AAAA")])
def test_without_the_library_its_settings_are_refused(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str
) -> None:
    """The refusal says how to install it."""
    monkeypatch.setattr(signatures, "_LIBRARY", "no_such_library")
    with pytest.raises(SettingsError, match=r'GATEPOST_FEEDBACK_.*pip install "gatepost\[signatures\]"'):
        build_providers(load(**{setting: value}))
    assert set(NAMES) == set(build_providers(load(POSTMARK_LOGIN=LOGIN, STANDARD_SECRETS=SECRET)))


def test_nothing_loads_the_library_before_it_is_needed() -> None:
    """A product without it starts, and takes the feedback of those who do not need it."""
    assert importlib.util.find_spec("cryptography") is not None
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from gatepost.feedback.providers.every import every_provider\n"
        "from gatepost.settings import Settings\n"
        "from pathlib import Path\n"
        f"given = {{'GATEPOST_FEEDBACK_STANDARD_SECRETS': {SECRET!r}}}\n"
        "print(len(every_provider(Settings.load(given, Path('/nonexistent/gatepost.toml')))))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "6" == done.stdout.strip()
