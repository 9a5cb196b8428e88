"""Every mail of ours: each message in each language, made of a sample, as it is read and as it goes out."""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

from gatepost.mail.compose import Composer
from gatepost.mail.samples import sample
from gatepost.mail.templates import Templates

SITE = "https://acme.example"
NOW_MS = 1_777_816_920_000  # Sun, 03 May 2026 14:02:00 +0000
TEMPLATES = Templates()
EVERY = [(name, language) for name in TEMPLATES.names for language in TEMPLATES.languages(name)]


@dataclass(frozen=True)
class Mail:
    """One mail.

    Args:
        name: which message, and in which language: `welcome.zh-CN`.
        content: its bytes.
        subject: what its subject says.
        text: its plain text.
        html: its page.
    """

    name: str
    content: bytes
    subject: str
    text: str
    html: str


def mail(message: str, language: str, of: str, product_name: str = "Acme") -> Mail:
    """Make one mail.

    Args:
        message: which one.
        language: in which language.
        of: the name of a sample: "complete", "bare", "long" or "hostile".
        product_name: where the sample has none of its own.
    """
    made_up = sample(TEMPLATES, message, of, SITE)
    composer = Composer(
        TEMPLATES,
        sender="Acme <hello@acme.example>",
        product_name=made_up.product_name or product_name,
        public_url=SITE,
        reset_url=f"{SITE}/reset/request",
    )
    name = f"{message}.{language}"
    content = composer.compose(
        template=message,
        locale=language,
        recipient=made_up.recipient,
        message_id=f"<{name}@acme.example>",
        values=made_up.values,
        now_ms=NOW_MS,
        unsubscribe_url=made_up.unsubscribe_url,
    ).content
    read = message_from_bytes(content, _class=EmailMessage, policy=policy.default)
    text, page = (part.get_content() for part in read.iter_parts())
    return Mail(name, content, str(read["Subject"]), text.replace("\r\n", "\n"), page.replace("\r\n", "\n"))
