"""A sample of a message as it would go out: composed, and read back by the standard library as any program reads it."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from gatepost.mail.compose import Composer
from gatepost.mail.linter.page import Page
from gatepost.mail.samples import Sample, sample
from gatepost.mail.templates import Templates

_MESSAGE_ID = "<sample@{domain}>"
_NOW_MS = 1_795_442_520_000  # 2026-11-23 14:02 UTC, as the samples say


@dataclass(frozen=True)
class Parts:
    """What a message says: its fields in order, decoded, each on one line; its plain text; its page."""

    headers: Sequence[tuple[str, str]] = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)


@dataclass(frozen=True)
class Preview:
    """One message.

    Args:
        sample: whom it goes to.
        content: its bytes, as they would be submitted.
        headers: its fields in order, decoded, each on one line.
        text: the plain text.
        html: the page.
    """

    sample: Sample
    content: bytes = field(repr=False)
    headers: Sequence[tuple[str, str]] = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)

    @functools.cached_property
    def page(self) -> Page:
        """The page as its elements."""
        return Page(self.html)

    @property
    def subject(self) -> str:
        """What stands in Subject."""
        return next((value for name, value in self.headers if name == "Subject"), "")

    @property
    def preheader(self) -> str:
        """The line beside the subject; empty where the page shows none."""
        return self.page.preheader

    @property
    def source(self) -> str:
        """The message as text; a recipient's address may hold more than ASCII."""
        return self.content.decode("utf-8", "replace")


def preview(templates: Templates, composer: Composer, message: str, language: str, name: str) -> Preview:
    """Compose one sample of a message.

    Args:
        templates: what the messages say.
        composer: of the sender; its templates do not matter.
        message: which one.
        language: the tag of one of its languages.
        name: one of SAMPLES.

    Raises:
        TemplateError: there is no such message, or a template cannot be filled.
        ComposeError: the message cannot be written.
        KeyError: there is no such sample.
    """
    made_up = sample(templates, message, name, composer.public_url)
    composed = composer.with_templates(templates, product_name=made_up.product_name).compose(
        template=message,
        locale=language,
        recipient=made_up.recipient,
        message_id=_MESSAGE_ID.format(domain=composer.return_path.rpartition("@")[2]),
        values=made_up.values,
        now_ms=_NOW_MS,
        unsubscribe_url=made_up.unsubscribe_url,
    )
    return read_back(made_up, composed.content)


def read_back(of: Sample, content: bytes) -> Preview:
    """Read the bytes of a message."""
    read = parts_of(content)
    return Preview(sample=of, content=content, headers=read.headers, text=read.text, html=read.html)


def parts_of(content: bytes) -> Parts:
    """Read the bytes of a message as its parts."""
    message = message_from_bytes(content, policy=policy.default)
    return Parts(
        headers=tuple((name, " ".join(str(value).split())) for name, value in message.items()),
        text=_body(message, "plain"),
        html=_body(message, "html"),
    )


def _body(message: EmailMessage, subtype: str) -> str:
    part = message.get_body(preferencelist=(subtype,))
    return "" if part is None else str(part.get_content())
