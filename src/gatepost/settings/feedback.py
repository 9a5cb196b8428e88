"""The settings of what comes back: how each source proves itself, and where bounces go."""

import base64
import binascii
import re

from pydantic import SecretStr

from gatepost.settings import parsing
from gatepost.settings.setting import Setting, keys, listed, masked, optional

MIN_LOGIN_LENGTH = 16
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}")
_STANDARD = "whsec_"
_MIN_STANDARD_BYTES = 24  # Standard Webhooks: 24 to 64 random bytes


def topics(value: object) -> tuple[str, ...]:
    """Read ARNs of SNS topics."""
    found = tuple(str(item) for item in parsing.items(value))
    for number, one in enumerate(found, 1):
        if not _TOPIC.fullmatch(one):
            raise ValueError(f"must hold ARNs of SNS topics (arn:aws:sns:region:account:name); number {number} is none")
    return found


def login(value: object) -> SecretStr | None:
    """Read a name and a password for HTTP Basic, or None."""
    if value is None:
        return None
    name, colon, password = parsing.text(value).partition(":")
    if not (name and colon) or len(password) < MIN_LOGIN_LENGTH:
        raise ValueError(f"must be name:password, with a password of at least {MIN_LOGIN_LENGTH} characters")
    return SecretStr(f"{name}:{password}")


def some_key(value: object) -> SecretStr | None:
    """Read a provider's signing key, or None."""
    if value is None:
        return None
    key = parsing.text(value)
    if len(key) < MIN_LOGIN_LENGTH:
        raise ValueError("is too short to be a signing key; copy the whole of it")
    return SecretStr(key)


def public_key(value: object) -> str | None:
    """Read a public key as base64 of its DER, as SendGrid shows it, or None."""
    if value is None:
        return None
    key = "".join(parsing.text(value).split())
    try:
        base64.b64decode(key, validate=True)
    except binascii.Error:
        raise ValueError("must be base64, as the provider shows its verification key") from None
    return key


def standard_secrets(value: object) -> tuple[SecretStr, ...]:
    """Read secrets of Standard Webhooks: whsec_ and base64 of at least 24 bytes."""
    found = []
    for number, item in enumerate(parsing.items(value), 1):
        secret = parsing.text(item)
        try:
            raw = base64.b64decode(secret.removeprefix(_STANDARD), validate=True)
        except binascii.Error:
            raw = b""
        if not secret.startswith(_STANDARD) or len(raw) < _MIN_STANDARD_BYTES:
            raise ValueError(f"must hold secrets that begin with whsec_; number {number} is none, or is cut off")
        found.append(SecretStr(secret))
    return tuple(found)


FEEDBACK = (
    Setting(
        name="feedback_ses_topics",
        kind="ARNs of SNS topics with commas between them",
        default=(),
        default_text="none: /feedback/ses takes nothing",
        description="The SNS topics on which Amazon SES tells of bounces, complaints and deliveries.",
        example="arn:aws:sns:eu-west-1:123456789012:gatepost",
        parse=topics,
        show=listed,
    ),
    Setting(
        name="feedback_postmark_login",
        kind="name:password",
        default=None,
        default_text="none: /feedback/postmark takes nothing",
        description="The login that stands in the address Postmark posts to; Postmark signs nothing.",
        example="postmark:3d9f0c…",
        unsafe="A password under 16 characters is refused.",
        parse=login,
        show=masked,
    ),
    Setting(
        name="feedback_postmark_networks",
        kind="addresses or CIDR ranges with commas between them",
        default=(),
        default_text="none: from anywhere",
        description="Where Postmark posts from; what comes from elsewhere is refused besides the login.",
        example="3.134.147.250,50.31.156.6,50.31.156.77,18.217.206.57",
        parse=parsing.networks,
        show=listed,
    ),
    Setting(
        name="feedback_sendgrid_key",
        kind="base64",
        default=None,
        default_text="none: /feedback/sendgrid takes nothing",
        description="The verification key of SendGrid's signed event webhook.",
        example="MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE…",
        parse=public_key,
        show=optional,
    ),
    Setting(
        name="feedback_mailgun_key",
        kind="text",
        default=None,
        default_text="none: /feedback/mailgun takes nothing",
        description="Mailgun's HTTP webhook signing key.",
        example="b1946ac92492…",
        parse=some_key,
        show=masked,
    ),
    Setting(
        name="feedback_resend_secrets",
        kind="secrets that begin with whsec_, with commas between them",
        default=(),
        default_text="none: /feedback/resend takes nothing",
        description="The signing secrets of Resend's webhook: several while one is replaced.",
        example="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw…",
        parse=standard_secrets,
        show=keys,
    ),
    Setting(
        name="feedback_standard_secrets",
        kind="secrets that begin with whsec_, with commas between them",
        default=(),
        default_text="none: /feedback/standard takes nothing",
        description="The signing secrets of whatever else posts feedback as Standard Webhooks.",
        example="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw…",
        parse=standard_secrets,
        show=keys,
    ),
    Setting(
        name="feedback_window_s",
        kind="whole number of seconds, 60 to 86400",
        default=300,
        default_text="300",
        description="How old a signed post may be. Amazon SNS repeats one for an hour with its first date.",
        example="3900",
        parse=parsing.integer(60, 86_400),
    ),
)
