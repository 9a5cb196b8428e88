"""What is deleted or forgotten beside the mail, and after how long: every chore of a worker, in one list."""

from functools import partial

from gatepost.accounts.candidates import prune_candidates
from gatepost.accounts.deletion import erase_deleted, erase_unverified, prune_unproved_candidates
from gatepost.accounts.idempotency import prune_idempotency_keys
from gatepost.accounts.keys import Keys
from gatepost.accounts.known_clients import prune_known_clients
from gatepost.accounts.limits import prune_limits
from gatepost.accounts.link_opens import prune_link_opens
from gatepost.accounts.sessions import prune_sessions
from gatepost.accounts.spent_tokens import prune_spent_tokens
from gatepost.accounts.tokens import prune_tokens
from gatepost.accounts.wanted_address import prune_address_changes
from gatepost.delivery.chores import Announced, Chore
from gatepost.events import AccountsErased, MessagesAnonymised
from gatepost.feedback.forgetting import forget_details
from gatepost.feedback.prune import prune_unmatched
from gatepost.operators.sessions import prune_operator_sessions
from gatepost.outbox.prune import prune_born_cancelled, prune_messages, prune_no_account
from gatepost.outbox.retention import anonymise
from gatepost.settings import Settings
from gatepost.suppression.hiding import Hiding
from gatepost.suppression.prune import prune_soft_bounces, prune_suppressions

DAY_S = 24 * 3600


def build_chores(settings: Settings, keys: Keys, hiding: Hiding) -> tuple[Chore, ...]:
    """Make the chores of a worker; each does one bounded batch in a transaction of its own."""
    messages_kept = settings.messages_kept_days
    unverified_kept = settings.unverified_kept_days
    recipients_kept = settings.recipients_kept_days
    forgetting: tuple[Chore, ...] = ()
    if recipients_kept is not None and recipients_kept < messages_kept:
        forgetting = (
            Announced(partial(anonymise, kept_days=recipients_kept, also=(forget_details,)), MessagesAnonymised),
        )
    return (
        prune_no_account,
        prune_born_cancelled,
        prune_tokens,
        prune_spent_tokens,
        prune_candidates,
        prune_idempotency_keys,
        prune_limits,
        prune_sessions,
        prune_operator_sessions,
        prune_known_clients,
        partial(prune_address_changes, kept_s=messages_kept * DAY_S),
        Announced(
            partial(erase_deleted, kept_days=settings.deleted_kept_days, keys=keys, hiding=hiding),
            partial(AccountsErased, reason="deleted"),
        ),
        partial(prune_unproved_candidates, kept_days=unverified_kept),
        Announced(
            partial(erase_unverified, kept_days=unverified_kept, keys=keys, hiding=hiding),
            partial(AccountsErased, reason="never_verified"),
        ),
        prune_suppressions,
        prune_soft_bounces,
        prune_unmatched,
        partial(prune_link_opens, kept_days=messages_kept),
        *forgetting,
        partial(prune_messages, kept_days=messages_kept),
    )
