"""Every mail of ours as programs take it apart: its size, its links, its plain text, the line beside its subject."""

import re
import unicodedata
from html.parser import HTMLParser

import pytest

from gatepost.mail.unsubscribe import PATH
from tests.support.every_mail import EVERY, SITE, Mail, mail

GMAIL_CLIPS_AT_BYTES = 102 * 1024
MAX_BYTES = 20 * 1024  # room for a product's own words and look
SNIPPET_CHARACTERS = 200  # the most that Gmail shows beside a subject
MAX_SUBJECT_CHARACTERS = 60  # what a window of a usual width shows
MAX_PARAGRAPH_CHARACTERS = 240  # three lines of 80; the lines of a paragraph are the reader's program to break
SAMPLES = ("complete", "bare", "long")
SIGNATURE = f"\n\n-- \nAcme\n{SITE}"

UNSUBSCRIBE = re.compile(rf"\n\n(?:Unsubscribe|退订)\n{SITE}{PATH}\S{{64}}\Z")

every_mail = pytest.mark.parametrize(("message", "language"), EVERY)
every_sample = pytest.mark.parametrize("sample", SAMPLES)


class _Page(HTMLParser):
    """The words in the body of a page in their order, shown or not, and where its links lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words = ""
        self.links: list[str] = []
        self.shown: list[str] = []
        self._in_body = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_body |= tag == "body"
        if tag == "a":
            self.links.append(dict(attrs)["href"] or "")
            self.shown.append("")

    def handle_data(self, data: str) -> None:
        if self._in_body:
            self.words += data
            if self.shown:
                self.shown[-1] += data


def snippet(of: Mail) -> tuple[str, str]:
    """What a mail program shows beside the subject: the preheader, and as much of what follows as fits."""
    shown = re.sub(r"[ \n]+", " ", _Page(of.html).words).strip(" ")[:SNIPPET_CHARACTERS]
    said = re.split(r"\u2007", shown, maxsplit=1)[0]
    return said, shown[len(said) :]


@every_mail
@every_sample
def test_no_mail_is_clipped(message: str, language: str, sample: str) -> None:
    """Gmail hides what is beyond 102 KB, the link and the way out perhaps; ours stay under a fifth of that."""
    assert MAX_BYTES < GMAIL_CLIPS_AT_BYTES / 5
    assert MAX_BYTES > len(mail(message, language, sample).content)


@every_mail
@every_sample
def test_the_text_has_every_link_of_the_page(message: str, language: str, sample: str) -> None:
    """Whoever reads the plain text can do all that a reader of the page can; each link is a line of its own there."""
    one = mail(message, language, sample)
    links = set(_Page(one.html).links)
    assert SITE in links
    assert set() == links - set(one.text.split("\n"))


@every_mail
def test_each_button_has_its_link_to_copy_below(message: str, language: str) -> None:
    """A button that a program breaks is no dead end: the address stands below it, or at the foot of the mail."""
    page = _Page(mail(message, language, "complete").html)
    links = {link for link in page.links if not link.startswith(f"{SITE}{PATH}")}
    assert set() == links - {shown.split()[0] for shown in page.shown if shown.startswith("https://")}


@every_mail
@every_sample
def test_the_plain_text_is_set_with_care(message: str, language: str, sample: str) -> None:
    """One empty line between paragraphs, none of spaces, a signature that programs recognise, and links alone."""
    text = mail(message, language, sample, "Acme").text
    if sample != "long":
        assert UNSUBSCRIBE.sub("", text).endswith(SIGNATURE)
    body = text.partition("\n\n-- \n")[0]
    assert body == body.strip()
    assert "\n\n\n" not in body
    for line in body.split("\n"):
        assert line == line.rstrip()
        assert "  " not in line
        assert "http" not in line or re.fullmatch(r"https://\S+", line)


@every_mail
def test_no_paragraph_of_the_plain_text_is_long(message: str, language: str) -> None:
    """A line is a paragraph, which the reader's program breaks at its own width: on a phone nothing is combed."""
    text = mail(message, language, "complete").text
    assert [] == [line for line in text.split("\n") if len(line) > MAX_PARAGRAPH_CHARACTERS]


@every_mail
def test_the_line_beside_the_subject_is_ours_to_its_end(message: str, language: str) -> None:
    """A sentence that says more than the subject, then nothing to see: not a word of the body follows it there."""
    one = mail(message, language, "complete")
    said, rest = snippet(one)
    assert said.endswith((".", "。"))
    assert said.rstrip(".。") not in one.subject
    assert SNIPPET_CHARACTERS == len(said + rest)
    assert "" == "".join(one for one in rest if unicodedata.category(one) not in ("Zs", "Cf", "Mn"))


@every_mail
def test_a_subject_is_seen_whole(message: str, language: str) -> None:
    """It fits the list of mails, and shouts at nobody."""
    subject = mail(message, language, "complete").subject
    assert MAX_SUBJECT_CHARACTERS >= sum(2 if unicodedata.east_asian_width(one) == "W" else 1 for one in subject)
    assert [] == re.findall(r"[!！]|\b[A-Z]{3,}\b", subject)


@every_mail
@pytest.mark.parametrize("part", ["text", "html"])
def test_no_word_is_wasted(message: str, language: str, part: str) -> None:
    """Short and friendly: nothing is simple, nobody is begged, and nothing is shouted."""
    said = getattr(mail(message, language, "complete"), part)
    words = said if part == "text" else _Page(said).words
    assert [] == re.findall(r"(?i)\b(?:simply|please|just|kindly|dear)\b|[!！]", words)
