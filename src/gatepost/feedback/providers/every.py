"""Every provider there is, made from the settings; one whose key is not set is there and refuses everything."""

from collections.abc import Mapping

from gatepost.feedback.provider import Provider
from gatepost.feedback.providers.fetch import Fetch
from gatepost.feedback.providers.mailgun import Mailgun
from gatepost.feedback.providers.postmark import Postmark
from gatepost.feedback.providers.resend import Resend
from gatepost.feedback.providers.sendgrid import SendGrid
from gatepost.feedback.providers.ses import Ses
from gatepost.feedback.providers.standard import Standard
from gatepost.feedback.providers.unset import Unset
from gatepost.settings import Settings


def every_provider(settings: Settings, fetch: Fetch | None = None) -> Mapping[str, Provider]:
    """Return the providers by the name they have in POST /feedback/{name}.

    Args:
        settings: the effective settings.
        fetch: how Amazon's certificates are got; None over the Internet.

    Raises:
        SettingsError: a key cannot be read, or what reads it is not installed.
    """
    window_s = settings.feedback_window_s
    found: list[Provider] = []
    if settings.feedback_ses_topics:
        found.append(Ses(settings.feedback_ses_topics, window_s, fetch or Fetch()))
    if settings.feedback_postmark_login:
        found.append(Postmark(settings.feedback_postmark_login, settings.feedback_postmark_networks))
    if settings.feedback_sendgrid_key:
        found.append(SendGrid(settings.feedback_sendgrid_key, window_s))
    if settings.feedback_mailgun_key:
        found.append(Mailgun(settings.feedback_mailgun_key, window_s))
    if settings.feedback_resend_secrets:
        found.append(Resend(settings.feedback_resend_secrets, window_s))
    if settings.feedback_standard_secrets:
        found.append(Standard(settings.feedback_standard_secrets, window_s))
    return _UNSET | {one.name: one for one in found}


_UNSET: dict[str, Provider] = {
    name: Unset(name, f"GATEPOST_FEEDBACK_{setting}")
    for name, setting in {
        "ses": "SES_TOPICS",
        "postmark": "POSTMARK_LOGIN",
        "sendgrid": "SENDGRID_KEY",
        "mailgun": "MAILGUN_KEY",
        "resend": "RESEND_SECRETS",
        "standard": "STANDARD_SECRETS",
    }.items()
}
