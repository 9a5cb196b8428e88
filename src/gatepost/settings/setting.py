"""What is known of one setting, and how its value is shown to people."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gatepost.settings.parsing import Parser

PREFIX = "GATEPOST_"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting.

    Args:
        name: lower case, as gatepost.toml and the attribute of Settings have it.
        kind: what its text may be, for people.
        default: its value when nobody sets it; None where it is derived or there is none.
        default_text: the default, for people.
        description: one sentence.
        example: its text in the environment.
        unsafe: when a value is refused or warned about, one sentence, or "".
        parse: reads text from the environment or a value from gatepost.toml or code; a refusal is a ValueError.
        show: writes the value for people, masked where it is secret.
    """

    name: str
    kind: str
    default: Any
    default_text: str
    description: str
    example: str
    unsafe: str = ""
    parse: Parser
    show: Callable[[Any], str] = str

    @property
    def variable(self) -> str:
        """The environment variable's name."""
        return PREFIX + self.name.upper()


def masked(value: Any) -> str:
    """Hide a secret; only whether it is set is shown."""
    return "not set" if not value else "***"


def keys(value: Any) -> str:
    """Hide secrets; only their number is shown."""
    return {0: "not set", 1: "*** (1 key)"}.get(len(value), f"*** ({len(value)} keys)")


def servers(value: Any) -> str:
    """Write submission servers as URLs without their logins."""
    return ", ".join(server.masked_url for server in value) or "not set"


def listed(value: Any) -> str:
    """Write a list of addresses."""
    return ", ".join(map(str, value)) or "none"


def optional(value: Any) -> str:
    """Write a value that may be missing."""
    return "not set" if value is None else str(value)


def flag(value: Any) -> str:
    """Write true or false."""
    return "true" if value else "false"


def switch(value: Any) -> str:
    """Write on or off."""
    return "on" if value else "off"
