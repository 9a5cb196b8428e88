"""Rules about a message as a whole: its header fields, its size, its subject and its plain text."""

import re
from collections.abc import Iterable

from gatepost.errors import N_
from gatepost.mail.headers import FOLD_AT
from gatepost.mail.linter.finding import MESSAGE, PAGE, SUBJECT, TEXT, Findings, error, warning
from gatepost.mail.preview import Preview
from gatepost.mail.samples import HOSTILE

MAX_SUBJECT_CHARACTERS = 78
LARGE_BYTES = 90 * 1024
CLIPPED_BYTES = 102 * 1024  # Gmail shows no more of a mail

# Field by field what every message of ours must say, once each.
_FIELDS = {
    "Date": re.compile(r"\w{3}, \d{2} \w{3} \d{4} [\d:]{8} [+-]\d{4}"),
    "From": re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"|[^<>,\"]*) ?<[^<>@,]+@[^<>@,]+>|[^<>@,\s]+@[^<>@,\s]+"),
    "To": re.compile(r"[^,\s]+@[^@,\s]+"),
    "Subject": re.compile(r".*"),
    "Message-ID": re.compile(r"<[^<>@\s]+@[^<>@\s]+>"),
    "Auto-Submitted": re.compile("auto-generated"),
    "List-Id": re.compile(r"<[^<>\s]+\.[^<>\s]+>"),
    "Feedback-ID": re.compile(r"[a-z][a-z0-9_]*:[a-z0-9]{5,15}"),
    "MIME-Version": re.compile(r"1\.0"),
    "Content-Type": re.compile(r"multipart/alternative;.*"),
}
# What a message says besides, from which its recipient can unsubscribe (RFC 8058, 3.1).
_UNSUBSCRIBE_FIELDS = {
    "List-Unsubscribe": re.compile(r"<https?://[^<>,\s]+>"),
    "List-Unsubscribe-Post": re.compile("List-Unsubscribe=One-Click"),
}
_LEFTOVER = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")
_MARKUP = re.compile(r"</?(?:a|b|br|div|em|h[1-6]|i|li|p|span|strong|table|td|tr|ul)\b[^>]*>", re.IGNORECASE)
# What is left when a value between words is empty: a mark behind a space, brackets around nothing, a mark that begins.
_GAP = re.compile(r"(?<=\S) [,.;:!?](?!\S)|\(\s*\)|（\s*）|^[ \t]*[,.;:!?，。；：！？、]")
_SPACES = re.compile(r"(?<=\S)  +(?=\S)")


def check_header(shown: Preview) -> Findings:
    """Every field that must be there is there once and says what it must; no line is longer than it may be."""
    for name, form in (_FIELDS | (_UNSUBSCRIBE_FIELDS if shown.sample.unsubscribe_url else {})).items():
        values = [value for field, value in shown.headers if field == name]
        if len(values) != 1 or not form.fullmatch(values[0]):
            yield error(
                "header_field",
                MESSAGE,
                N_("The header field %(name)s must be there once and be well formed. Look at GATEPOST_SENDER."),
                name=name,
            )
    header = shown.content.partition(b"\r\n\r\n")[0]
    if any(len(line) > FOLD_AT and b" " in line.strip().partition(b" ")[2] for line in header.split(b"\r\n")):
        yield warning(
            "header_line",
            MESSAGE,
            N_("A line of the header has more than %(most)d characters. Shorten the name in GATEPOST_SENDER."),
            most=FOLD_AT,
        )


def check_size(shown: Preview) -> Findings:
    """A mail is not clipped."""
    size = len(shown.content)
    kib = (size + 1023) // 1024
    if size >= CLIPPED_BYTES:
        yield error(
            "clipped",
            MESSAGE,
            N_("The message has %(kib)d KiB, and Gmail shows no more than 102. Shorten it, its layout or its styles."),
            kib=kib,
        )
    elif size >= LARGE_BYTES:
        yield warning(
            "large",
            MESSAGE,
            N_("The message has %(kib)d KiB. From 102 KiB on Gmail cuts its end off: shorten it now."),
            kib=kib,
        )


def check_subject(shown: Preview) -> Findings:
    """There is a subject that fits."""
    length = len(shown.subject)
    if not length:
        yield error("subject_empty", SUBJECT, N_("The subject is empty. Say in one line what the mail is about."))
    elif length > MAX_SUBJECT_CHARACTERS and shown.sample.name != HOSTILE:
        yield warning(
            "subject_long",
            SUBJECT,
            N_(
                "The subject has %(length)d characters, and programs show at most %(most)d. Say it shorter, or leave"
                " long values out of it."
            ),
            length=length,
            most=MAX_SUBJECT_CHARACTERS,
        )


def check_text(shown: Preview) -> Findings:
    """The plain text says something, and says it as plain text."""
    if not shown.text.strip():
        yield error("text_empty", TEXT, N_("The plain text is empty. Some people read nothing else: say it all there."))
    if shown.sample.name != HOSTILE and (found := _MARKUP.search(shown.text)):
        yield warning(
            "text_markup",
            TEXT,
            N_("%(markup)s stands in the plain text, where people read it as it is. Leave markup to the page."),
            markup=found[0],
        )


def check_leftovers(shown: Preview) -> Findings:
    """Nothing that was meant for the template language is read by people."""
    if shown.sample.name == HOSTILE:  # there it stands in the values, and must
        return
    words = " ".join(text for _, text in shown.page.texts)
    for file, text in ((SUBJECT, shown.subject), (TEXT, shown.text), (PAGE, words)):
        if found := _LEFTOVER.search(text):
            yield error(
                "leftover",
                file,
                N_("%(sign)s reaches the reader. Look for a value or a tag that is not closed or is quoted twice."),
                sign=found[0],
            )


def check_gaps(bare: Preview, complete: Preview) -> Findings:
    """Where a value is empty, no space, mark or pair of brackets is left of the words around it."""
    for file, one, other in (
        (SUBJECT, [bare.subject], [complete.subject]),
        (TEXT, bare.text.splitlines(), complete.text.splitlines()),
        (PAGE, [text for _, text in bare.page.texts], [text for _, text in complete.page.texts]),
    ):
        if _gaps(one) > _gaps(other):
            yield warning(
                "gap",
                file,
                N_("An empty value leaves a gap between the words around it. Put them into the condition with it."),
            )


def _gaps(lines: Iterable[str]) -> int:
    return sum(len(_GAP.findall(line)) + len(_SPACES.findall(line)) for line in lines)
