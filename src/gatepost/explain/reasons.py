"""What each reason in a message's row says in plain words. Pure."""

from collections.abc import Mapping

from gatepost.errors import N_

# docs/reference/states.md says more.
REASONS: Mapping[str, str] = {
    "account_deleted": N_("Its account was deleted before its turn came."),
    "address_taken": N_("Somebody else has proved this address, and is not bothered with it."),
    "already_verified": N_("The address is verified already."),
    "already_welcomed": N_("This is not the first registration of the address; the first one brought the welcome."),
    "cannot_compose": N_("No mail could be made of it: a template or a value is at fault. The log names it."),
    "cap": N_("The address was written to as often as strangers may cause."),
    "complaint": N_("Its recipient called a message spam, so no more is sent."),
    "database_unavailable": N_("The database could not write at that moment, so nothing was handed over."),
    "disabled": N_("An operator disabled its account."),
    "expired": N_("Its time was up before a mail server took it."),
    "hard_bounce": N_("Its recipient is suppressed: the mailbox does not exist."),
    "invalid_recipient": N_("Its recipient is no address that can be written to."),
    "kills_process": N_("The process died again and again while it had this message."),
    "no_account": N_("Nobody has an account with this address."),
    "no_final_reply": N_("The mail server did not say whether it took the message."),
    "operator": N_("An operator stopped it."),
    "refused": N_("The mail server refused it."),
    "sign_in_failed": N_("Somebody failed to sign in. Mail goes out then only to an address that waits for its proof."),
    "soft_bounces": N_("Its recipient is suppressed: too many messages came back."),
    "stopped": N_("The service stopped meanwhile."),
    "superseded": N_("Its link counts no more: a newer one was asked for, or what it was for is done."),
    "template_unknown": N_("This process has no template of its name."),
    "told_today": N_("The owner was told today already that somebody tried to register with this address."),
    "transient": N_("The mail server said “not now”, or the line broke before it had the message."),
    "unreachable": N_("No mail server could be used."),
    "unsubscribed": N_("Its recipient has unsubscribed."),
    "waiting": N_("Another one is on its way, or less than 60 seconds old."),
    "worker_died": N_("The process died while it had this message."),
}

# The same in the middle of a sentence, where it cannot simply be set there.
_IN_A_SENTENCE: Mapping[str, str] = {
    "cannot_compose": "no mail could be made of it, because a template or a value is at fault",
    "hard_bounce": "its recipient is suppressed, because the mailbox does not exist",
    "sign_in_failed": "somebody failed to sign in, and such mail goes out only to an address that waits for its proof",
    "soft_bounces": "its recipient is suppressed, because too many messages came back",
    "superseded": "its link counts no more, because a newer one was asked for or what it was for is done",
    "already_welcomed": "this is not the first registration of the address, and the first one brought the welcome",
}


def because(reason: str | None) -> str:
    """Say a reason as a clause in the middle of a sentence, without its end."""
    if (told := _IN_A_SENTENCE.get(reason or "")) is not None:
        return told
    words = REASONS.get(reason or "", "Its reason has no explanation here.").removesuffix(".")
    return words[0].lower() + words[1:]
