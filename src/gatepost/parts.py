"""Single parts, built from the settings; the composition root and the command line put them together."""

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from gatepost.accent import accent_of
from gatepost.accounts.challenge import Challenge
from gatepost.accounts.gate import Gate
from gatepost.accounts.keys import Keys, hkdf
from gatepost.accounts.messages import Links
from gatepost.accounts.password_policy import PasswordPolicy
from gatepost.accounts.passwords import Passwords
from gatepost.clock import Clock, minute
from gatepost.database.connection import Database
from gatepost.delivery.attempt import Compose
from gatepost.delivery.bounces import Bounces
from gatepost.delivery.round import Prepare
from gatepost.errors import SettingsError
from gatepost.events import Events
from gatepost.feedback.provider import Provider
from gatepost.feedback.providers.every import every_provider
from gatepost.mail import dkim_key, return_path, unsubscribe
from gatepost.mail.compose import Composer
from gatepost.mail.dkim import Signer
from gatepost.mail.headers import parse_sender
from gatepost.mail.templates import Templates
from gatepost.mail.unsubscribe import UnsubscribeLinks
from gatepost.observe.log import LibraryRecords, Log
from gatepost.outbox.claim import Claimed, Skip
from gatepost.outbox.lifecycle import State
from gatepost.settings import Settings, development_keys
from gatepost.suppression.check import check
from gatepost.suppression.guard import Guard
from gatepost.suppression.hiding import Hiding
from gatepost.transport.folder import FolderTransport
from gatepost.transport.server import Server
from gatepost.transport.smtp import SmtpTransport
from gatepost.transport.switch import Switch
from gatepost.transport.transport import Envelope, Transport


def build_keys(settings: Settings) -> Keys:
    """Make the keys; in development they are kept beside the database.

    Raises:
        StartRefused: the development key cannot be read or made.
    """
    secrets = settings.secret_keys or development_keys(settings.data_folder)
    return Keys([secret.get_secret_value() for secret in secrets])


def build_hiding(settings: Settings) -> Hiding:
    """Make what hides the addresses of suppressions.

    Raises:
        StartRefused: the development key cannot be read or made.
    """
    # The secret keys find on where it was set later: what they hid before is not forgotten with that.
    secrets = [*([settings.suppression_key] if settings.suppression_key else []), *settings.secret_keys]
    secrets = secrets or list(development_keys(settings.data_folder))
    return Hiding([secret.get_secret_value() for secret in secrets])


def build_bounces(hiding: Hiding, events: Events, transport: Transport) -> Bounces:
    """Make what hears of a worker's transport that an address does not exist."""
    return Bounces(hiding, Guard(), events, transport.name)


def build_passwords(settings: Settings) -> Passwords:
    """Make the password hasher with its threads."""
    return Passwords(
        memory_kib=settings.argon2_memory_kib,
        time_cost=settings.argon2_time_cost,
        parallelism=settings.argon2_parallelism,
    )


def build_gate(
    settings: Settings,
    *,
    database: Database,
    passwords: Passwords,
    keys: Keys,
    hiding: Hiding,
    clock: Clock,
    events: Events,
    challenge: Challenge | None = None,
) -> Gate:
    """Make what the account flows need, with the policy of the settings."""
    return Gate(
        database=database,
        passwords=passwords,
        keys=keys,
        hiding=hiding,
        clock=clock,
        events=events,
        message_id_domain=message_id_domain(settings),
        reveal_accounts=settings.reveal_accounts,
        welcome=settings.welcome,
        password_policy=PasswordPolicy(
            settings.password_min_length, settings.product_name, settings.password_min_score
        ),
        limited=settings.rate_limits,
        sign_up_alarm_per_hour=settings.sign_up_alarm_per_hour,
        session_idle_s=settings.session_idle_s,
        session_lifetime_s=settings.session_lifetime_s,
        deleted_kept_days=settings.deleted_kept_days,
        challenge=challenge,
    )


def message_id_domain(settings: Settings) -> str:
    """The right-hand side of every Message-ID: the sender's domain."""
    return parse_sender(settings.sender).domain


def build_links(settings: Settings, keys: Keys) -> Links:
    """Make what makes the links in mails."""
    return Links(
        keys,
        verify_url=settings.verify_url or f"{settings.public_url}/verify",
        reset_url=reset_page(settings),
        confirm_url=settings.email_confirm_url or f"{settings.public_url}/email/confirm",
        undo_url=settings.email_undo_url or f"{settings.public_url}/email/undo",
    )


def build_prepare(settings: Settings, keys: Keys, hiding: Hiding) -> Prepare:
    """Make what decides in the claim's transaction which messages go out, and makes the links of those that do."""
    return prepare_with(hiding, build_links(settings, keys).prepare)


def prepare_with(hiding: Hiding, links: Prepare) -> Prepare:
    """Ask first which addresses must not be written to: only the others' tokens begin to live."""

    def prepare(tx: Connection, claimed: Sequence[Claimed], now_ms: int) -> list[Mapping[str, str] | Skip]:
        stopped = check(tx, hiding, claimed, now_ms)
        others = [one for one in claimed if one.id not in stopped]
        prepared = iter(links(tx, others, now_ms))
        return [
            Skip(str(reason), State.SUPPRESSED) if (reason := stopped.get(one.id)) else next(prepared)
            for one in claimed
        ]

    return prepare


def build_templates(settings: Settings, own: Path | None = None) -> Templates:
    """Read what the mails say, in the product's colours; its own folder is that of the settings unless told."""
    return Templates(own=own or settings.templates, accent=accent_of(settings.accent_color))


def build_composer(settings: Settings, templates: Templates | None = None) -> Composer:
    """Make the composer the settings ask for; its templates are those of the settings unless told."""
    return Composer(
        templates or build_templates(settings),
        sender=settings.sender,
        product_name=settings.product_name,
        public_url=settings.public_url,
        reset_url=reset_page(settings),
        headers=settings.mail_headers,
    )


def build_unsubscribe_links(settings: Settings, keys: Keys, hiding: Hiding) -> UnsubscribeLinks:
    """Make what writes and reads the links that unsubscribe.

    SUPPRESSION_KEY signs them where it is set: it never changes, and people unsubscribe by old mails.
    """
    accepted = keys.all_for(unsubscribe.USE)
    if settings.suppression_key:
        accepted.insert(0, hkdf(settings.suppression_key.get_secret_value().encode(), unsubscribe.INFO))
    return UnsubscribeLinks(accepted, settings.public_url, hiding.digest)


def build_return_path(settings: Settings, keys: Keys) -> Callable[[uuid.UUID], str] | None:
    """Make what writes each message's own return path; None where all bounces go to the sender's address."""
    if settings.return_path is None:
        return None
    return partial(return_path.make, keys.signing(return_path.USE), settings.return_path)


def build_signer(settings: Settings) -> Signer | None:
    """Make what signs mail; None where it is not signed here.

    Raises:
        SettingsError: DKIM_KEY cannot be used, or the library for it is not installed.
    """
    path = settings.dkim_key
    if path is None or settings.dkim_selector is None:
        return None
    if not dkim_key.is_installed():
        raise SettingsError(
            f"GATEPOST_DKIM_KEY is set, and {dkim_key.LIBRARY} is not installed here:"
            ' pip install "gatepost[signatures]", or leave the key out and have your server sign.'
        )
    try:
        key = dkim_key.read_key(path.read_bytes())
    except OSError as refusal:
        raise SettingsError(f"GATEPOST_DKIM_KEY: {path} cannot be read: {refusal.strerror}.") from None
    except ValueError as refusal:
        raise SettingsError(f"GATEPOST_DKIM_KEY: {path} {refusal}.") from None
    return Signer(key, settings.dkim_domain or parse_sender(settings.sender).domain, settings.dkim_selector)


def build_servers(settings: Settings) -> list[Server]:
    """Make the submission servers, in the order in which they are tried; none in development without SMTP_URL."""
    return [
        Server(
            host=one.host,
            port=one.port,
            username=one.username,
            password=one.password.get_secret_value() if one.password else None,
            tls=one.tls,
            mechanism=one.mechanism,
            token_file=one.token_file,
            rate=one.rate,
        )
        for one in settings.smtp_url
    ]


def build_transport(settings: Settings, events: Events | None = None, switch: Switch | None = None) -> Transport:
    """Make the transport the settings ask for: SMTP, or the development mail server.

    Args:
        settings: the effective settings.
        events: hears of its servers; None for nobody.
        switch: of the development mail server; None lets it accept always.
    """
    if not settings.smtp_url:
        return FolderTransport(mailbox_folder(settings), events=events, switch=switch)
    return SmtpTransport(
        build_servers(settings),
        connections=settings.worker_slots,
        attempt_timeout_s=settings.attempt_timeout_s,
        final_reply_timeout_s=settings.final_reply_timeout_s,
        client=settings.smtp_client,
        events=events,
    )


def build_providers(settings: Settings) -> Mapping[str, Provider]:
    """Make what reads the feedback of each provider, by its name in POST /feedback/{name}.

    Raises:
        SettingsError: a provider's key cannot be read, or what reads it is not installed.
    """
    return every_provider(settings)


def reset_page(settings: Settings) -> str:
    """Where a person chooses a new password."""
    return settings.reset_url or f"{settings.public_url}/reset"


def mailbox_folder(settings: Settings) -> Path:
    """Where the development mailbox lies."""
    return settings.data_folder / "mailbox"


def service_events() -> Events:
    """Make the events of a process that is all ours: they, and what libraries warn about, go to standard error."""
    log = Log()
    logging.getLogger().addHandler(LibraryRecords(log))
    events = Events()
    events.subscribe(log.on_event)
    return events


def host_events() -> Events:
    """Make the events of a host's process: ours go to standard error, its logging is left alone."""
    events = Events()
    events.subscribe(Log().on_event)
    return events


def compose_with(
    composer: Composer,
    return_path_of: Callable[[uuid.UUID], str] | None = None,
    unsubscribe_links: UnsubscribeLinks | None = None,
    signer: Signer | None = None,
) -> Compose:
    """Make the function by which the worker gets a claimed message as bytes.

    Args:
        composer: makes the message.
        return_path_of: where bounces of a message go; None for the composer's own return path.
        unsubscribe_links: makes the links by which people unsubscribe from what does not keep their account safe; None
            for none.
        signer: signs the message; None where that is not done here.
    """

    def compose(claimed: Claimed, values: Mapping[str, str], now_ms: int) -> Envelope:
        composed = composer.compose(
            template=claimed.template,
            locale=claimed.locale,
            recipient=claimed.recipient,
            message_id=claimed.message_id,
            values={"when": minute(claimed.created_at), **claimed.values, **values},
            now_ms=now_ms,
            row_id=claimed.id,
            unsubscribe_url=(
                ""
                if claimed.security or unsubscribe_links is None
                else unsubscribe_links.link(claimed.id, claimed.recipient_key)
            ),
        )
        bounces_to = composed.return_path if return_path_of is None else return_path_of(claimed.id)
        content = composed.content if signer is None else signer.sign(composed.content, now_ms)
        return Envelope(bounces_to, composed.recipient, content)

    return compose
