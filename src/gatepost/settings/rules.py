"""What settings mean together: derived defaults, what production refuses, what is accepted with a warning. Pure."""

from collections.abc import Callable, Iterable
from typing import Any

from gatepost.settings import urls
from gatepost.settings.parsing import MIN_KEY_LENGTH
from gatepost.settings.sources import DEFAULT, Found, label
from gatepost.settings.table import SETTINGS

SAFE_ARGON2_MEMORY_KIB = 19456  # OWASP's least: 19 MiB, two passes, one lane
SAFE_ARGON2_TIME_COST = 2
_VARIED = 10  # different characters in a key; 16 random bytes in hex have fewer than this once in 10,000

_FALLBACK_SENDER = "no-reply@gatepost.example"
_NEEDED = {
    "smtp_url": "set it to your submission server, for example smtp://user:password@mail.example.com:587",
    "sender": "set it to an address your submission server may send from",
    "secret_keys": "`openssl rand -hex 32` makes one",
}


class Draft:
    """The values while they come together: read so far, derived, or not usable."""

    def __init__(self, found: Found) -> None:
        self.values: dict[str, Any] = {}
        self.sources: dict[str, str] = {}
        self.problems = list(found.problems)
        self.warnings = list(found.warnings)
        for setting in SETTINGS:
            value, source = found.given.get(setting.name, (None, DEFAULT))
            self.sources[setting.name] = source
            if source == DEFAULT:
                self.values[setting.name] = setting.default
                continue
            try:
                self.values[setting.name] = setting.parse(value)
            except ValueError as refusal:
                self.refuse(setting.name, str(refusal))

    def refuse(self, name: str, why: str) -> None:
        """Add a problem: `why` completes the sentence that begins with the setting's name."""
        self.problems.append(f"{label(name, self.sources[name])} {why}.")

    def warn(self, name: str, why: str) -> None:
        """Add a warning: `why` completes the sentence that begins with the setting's name."""
        self.warnings.append(f"{label(name, self.sources[name])} {why}")

    def usable(self, *names: str) -> bool:
        """Say whether all these have a value: a rule about one that could not be read has nothing to say."""
        return all(name in self.values for name in names)

    @property
    def in_production(self) -> bool:
        return bool(self.values.get("environment") == "production")


def apply(draft: Draft) -> None:
    """Derive what is unset, then judge every rule, so that all problems are known at once."""
    _derive(draft)
    for rule in _RULES:
        rule(draft)
    if draft.in_production:
        for rule in _PRODUCTION_RULES:
            rule(draft)
    else:
        for rule in _DEVELOPMENT_RULES:
            rule(draft)


def _derive(draft: Draft) -> None:
    values = draft.values
    if draft.usable("public_url") and values["public_url"] is None:
        host = values.get("host", "127.0.0.1")
        here = host if urls.is_loopback(host) else "127.0.0.1"
        values["public_url"] = f"http://{urls.in_url(here)}:{values.get('port', 8000)}"
    if draft.usable("environment") and values["environment"] is None:
        public_url = values.get("public_url")
        here = public_url is not None and urls.points_here(public_url)
        values["environment"] = "development" if here else "production"
    if draft.usable("sender") and values["sender"] is None and not draft.in_production:
        values["sender"] = f"{values.get('product_name', 'Gatepost')} <{_FALLBACK_SENDER}>"


def _argon2_lanes(draft: Draft) -> None:
    if draft.usable("argon2_memory_kib", "argon2_parallelism"):
        least = 8 * draft.values["argon2_parallelism"]
        if draft.values["argon2_memory_kib"] < least:
            draft.refuse("argon2_memory_kib", f"must be at least {least}: 8 for each of argon2_parallelism's lanes")


def _recipients_are_not_kept_longer(draft: Draft) -> None:
    if draft.usable("messages_kept_days", "recipients_kept_days"):
        most, days = draft.values["messages_kept_days"], draft.values["recipients_kept_days"]
        if days is not None and days > most:
            draft.refuse(
                "recipients_kept_days", f"must be at most messages_kept_days ({most}): then the message itself goes"
            )


def _public_url_is_safe(draft: Draft) -> None:
    if draft.usable("public_url") and not urls.is_safe(draft.values["public_url"]):
        draft.refuse("public_url", "is unsafe: mailed links carry secrets; begin it with https://")


def _keys_are_varied(draft: Draft) -> None:
    for key in draft.values.get("secret_keys", ()):
        if len(set(key.get_secret_value())) < _VARIED:
            draft.warn("secret_keys", "has a key of few different characters; `openssl rand -hex 32` makes a good one")


def _signatures_are_whole(draft: Draft) -> None:
    if not draft.usable("dkim_key", "dkim_selector"):
        return
    key, selector = draft.values["dkim_key"], draft.values["dkim_selector"]
    if key and not selector:
        draft.refuse("dkim_selector", "is not set, and DKIM_KEY needs it; name the DNS record of the public key")
    if selector and not key:
        draft.warn("dkim_selector", "is set without DKIM_KEY: mail is not signed here")


def _signatures_count(draft: Draft) -> None:
    if not draft.usable("dkim_key", "dkim_domain", "sender") or not draft.values["dkim_key"]:
        return
    signs, sends = draft.values["dkim_domain"], urls.domain_of(draft.values["sender"] or "")
    if signs and sends and not f".{sends}".endswith(f".{signs}") and not f".{signs}".endswith(f".{sends}"):
        draft.warn("dkim_domain", f"is {signs}, and mail comes from {sends}: DMARC does not count such a signature")


def _nothing_needed_is_missing(draft: Draft) -> None:
    for name, way_out in _NEEDED.items():
        if draft.usable(name) and not draft.values[name]:
            draft.refuse(name, f"is not set, and production needs it; {way_out}")


def _argon2_is_strong(draft: Draft) -> None:
    for name, least in _weak_argon2(draft):
        draft.refuse(name, f"is unsafe under {least}; raise it")


def _limits_are_on(draft: Draft) -> None:
    if draft.values.get("rate_limits") is False:
        draft.refuse("rate_limits", "is unsafe when off: anybody could have somebody's mailbox filled; set it to on")


def _admin_token_is_long(draft: Draft) -> None:
    token = draft.values.get("admin_token")
    if token is not None and len(token.get_secret_value()) < MIN_KEY_LENGTH:
        draft.refuse(
            "admin_token", f"is unsafe under {MIN_KEY_LENGTH} characters; `openssl rand -hex 32` makes a good one"
        )


def _own_pages_are_safe(draft: Draft) -> None:
    for name in ("verify_url", "reset_url", "email_confirm_url", "email_undo_url"):
        url = draft.values.get(name)
        if url is not None and not urls.is_safe(url):
            draft.refuse(name, "is unsafe: mailed links carry secrets; begin it with https://")


def _suppressions_outlive_keys(draft: Draft) -> None:
    if draft.usable("suppression_key", "secret_keys") and draft.values["suppression_key"] is None:
        draft.warn(
            "suppression_key",
            "is not set: whom erased people's suppressions are about is forgotten with the secret key that hid it, and"
            " mail would go out to them again; `openssl rand -hex 32` makes one",
        )


def _links_lead_somewhere(draft: Draft) -> None:
    if draft.usable("public_url") and urls.points_here(draft.values["public_url"]):
        draft.warn("public_url", "names this machine: mailed links open nowhere else")


def _development_stays_here(draft: Draft) -> None:
    if draft.usable("environment", "public_url") and not urls.points_here(draft.values["public_url"]):
        draft.refuse(
            "environment",
            "may be development only while PUBLIC_URL is unset or names this machine; set it to production",
        )


def _argon2_is_weak(draft: Draft) -> None:
    for name, least in _weak_argon2(draft):
        draft.warn(name, f"is under {least}: good enough for development only")


def _sender_is_set(draft: Draft) -> None:
    away = [server for server in draft.values.get("smtp_url", ()) if server.tls != "none"]
    if away and draft.sources["sender"] == DEFAULT:
        draft.warn("sender", f"is not set: mail goes out from {_FALLBACK_SENDER}, which other servers refuse")


def _weak_argon2(draft: Draft) -> Iterable[tuple[str, int]]:
    least = {"argon2_memory_kib": SAFE_ARGON2_MEMORY_KIB, "argon2_time_cost": SAFE_ARGON2_TIME_COST}
    return [(name, number) for name, number in least.items() if draft.values.get(name, number) < number]


_Rule = Callable[[Draft], None]
_RULES: tuple[_Rule, ...] = (
    _argon2_lanes,
    _recipients_are_not_kept_longer,
    _public_url_is_safe,
    _keys_are_varied,
    _signatures_are_whole,
    _signatures_count,
)
_PRODUCTION_RULES: tuple[_Rule, ...] = (
    _nothing_needed_is_missing,
    _argon2_is_strong,
    _limits_are_on,
    _admin_token_is_long,
    _own_pages_are_safe,
    _links_lead_somewhere,
    _suppressions_outlive_keys,
)
_DEVELOPMENT_RULES: tuple[_Rule, ...] = (_development_stays_here, _argon2_is_weak, _sender_is_set)
