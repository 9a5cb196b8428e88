"""What a mail filter thinks of our mails: SpamAssassin, offline, with the rules of its release."""

import re

import pytest

from tests.support.every_mail import EVERY, Mail, mail
from tests.support.spamassassin import Verdict, judged

MAX_SCORE = 1.0  # 5.0 is where most call it spam
SAMPLES = ("complete", "bare", "long")


def _careless() -> bytes:
    """A mail of ours as many products send theirs: no plain text, no date, a shouting subject, hidden words."""
    verification = mail("verification", "en", "complete")
    page = verification.html.replace("</h1>", '</h1><p style="color:#fffffe;font-size:1px">cheap loans for you</p>', 1)
    return (
        "From: hello@acme.example\r\nTo: ada@example.com\r\nSubject: CONFIRM YOUR ADDRESS NOW!!!\r\n"
        f"Message-ID: <careless@acme.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n{page}"
    ).encode("ascii", "xmlcharrefreplace")


def _of(sample: str) -> list[Mail]:
    return [mail(message, language, sample) for message, language in EVERY]


def _named(content: bytes, name: str) -> bytes:
    return re.sub(rb"(?m)^Message-ID: <[^>]*>", f"Message-ID: <{name}>".encode(), content, count=1)


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    """On every message in every language, of three samples, and on one that was made carelessly."""
    mails = [_named(one.content, f"{one.name}.{sample}@x") for sample in SAMPLES for one in _of(sample)]
    return judged([*mails, _careless()])


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_mail_scores_under_one(verdicts: dict[str, Verdict], sample: str) -> None:
    """Whoever it is for, and however much is known of them; `pytest -s` shows the points."""
    scores = {f"{message}.{language}": verdicts[f"<{message}.{language}.{sample}@x>"] for message, language in EVERY}
    for name, verdict in scores.items():
        print(f"{sample:9} {name:30} {verdict.score:6.3f}  {', '.join(verdict.rules)}")  # noqa: T201
    assert {} == {name: verdict.rules for name, verdict in scores.items() if verdict.score >= MAX_SCORE}


def test_a_careless_mail_scores_more(verdicts: dict[str, Verdict]) -> None:
    """The same words without a text, a date and a quiet subject: the filter does look."""
    careless = verdicts["<careless@acme.example>"]
    print(f"SpamAssassin {careless.version}, careless: {careless.score}, {careless.rules}")  # noqa: T201
    assert careless.score > MAX_SCORE
    assert {"MIME_HTML_ONLY", "MISSING_DATE"} <= set(careless.rules)
