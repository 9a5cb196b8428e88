"""Reads the text of one setting into its value. Pure; a refusal is a ValueError.

The text of a refusal completes the sentence "<name of the setting> …". It shows the value only where that can be no
secret: numbers and words from a fixed list.
"""

import math
import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from pydantic import SecretStr

MIN_KEY_LENGTH = 32

Parser = Callable[[object], object]

_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_YES = frozenset({"true", "on", "yes", "1"})
_NO = frozenset({"false", "off", "no", "0"})


def text(value: object) -> str:
    """Take a line of text without control characters."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if not isinstance(value, str):
        raise ValueError("must be a text")
    if not value.isprintable():
        raise ValueError("holds a control character or another one that cannot be printed; remove it")
    return value.strip()


def optional_text(value: object) -> str | None:
    """Take a text, or None."""
    return None if value is None else text(value)


def folder(value: object) -> Path | None:
    """Read a path from the working directory, or an absolute one; whether it is there is seen when it is used."""
    if value is None or isinstance(value, Path):
        return value
    if not (path := text(value)):
        raise ValueError("must name a folder; leave it out to have none")
    return Path(path)


def file(value: object) -> Path | None:
    """Read a path to a file; what it holds is seen when it is used."""
    if value is None or isinstance(value, Path):
        return value
    if not (path := text(value)):
        raise ValueError("must name a file; leave it out to have none")
    return Path(path)


def colour(value: object) -> str | None:
    """Read a colour as #rrggbb, or None."""
    if value is None:
        return None
    if not isinstance(value, str) or not _COLOUR.fullmatch(value.strip()):
        raise ValueError(f"must be a colour such as #1d4ed8, six hexadecimal digits after a #, not {shown(value)}")
    return value.strip().lower()


def shown(value: object) -> str:
    """Quote a harmless value, shortened."""
    return repr(str(value)[:40])


def integer(least: int, most: int) -> Parser:
    """Read a whole number from `least` to `most`."""

    def parse(value: object) -> int:
        try:
            number = int(value, 10) if isinstance(value, str) else value
        except ValueError:
            number = None
        if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
            raise ValueError(f"must be a whole number from {least} to {most}, not {shown(value)}")
        return number

    return parse


def optional(parse: Parser) -> Parser:
    """Read what `parse` reads, or None."""
    return lambda value: None if value is None else parse(value)


def seconds(least: float, most: float) -> Parser:
    """Read a number of seconds from `least` to `most`."""

    def parse(value: object) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            number = math.nan
        if not least <= number <= most:  # not a number fails every comparison
            raise ValueError(f"must be a number of seconds from {least:g} to {most:g}, not {shown(value)}")
        return number

    return parse


def yes_or_no(value: object) -> bool:
    """Read true/on/yes/1 or false/off/no/0."""
    word = str(value).strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError(f"must be true or false, not {shown(value)}")


def on_or_off(value: object) -> bool:
    """Read on or off; true and false are understood too."""
    try:
        return yes_or_no(value)
    except ValueError:
        raise ValueError(f"must be on or off, not {shown(value)}") from None


def choice(*words: str) -> Parser:
    """Read one word of a fixed list."""

    def parse(value: object) -> str:
        word = str(value).strip().lower()
        if word not in words:
            raise ValueError(f"must be one of {', '.join(words)}, not {shown(value)}")
        return word

    return parse


def items(value: object) -> list[object]:
    """Split a comma-separated text, or take a list as it is; empty entries are dropped."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, list | tuple):
        return list(value)
    raise ValueError("must be a text with commas between the entries, or a list")


def networks(value: object) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read addresses and CIDR ranges."""
    return tuple(_network(item) for item in items(value))


def _network(item: object) -> IPv4Network | IPv6Network:
    if isinstance(item, IPv4Network | IPv6Network):
        network = item
    else:
        try:
            network = ip_network(str(item), strict=False)
        except ValueError:
            raise ValueError(f"must hold addresses or ranges such as 10.0.0.0/8, not {shown(item)}") from None
        if "/" in str(item) and str(network.network_address) != str(item).split("/")[0].lower():
            raise ValueError(f"holds {shown(item)}, whose address is not the first of its range; write {network}")
    if network.prefixlen == 0:
        raise ValueError(f"holds {network}, which trusts everybody to name the client's address; name your proxies")
    return network


def secret(value: object) -> SecretStr:
    """Read one secret of at least 32 characters."""
    key = text(value)
    if len(key) < MIN_KEY_LENGTH:
        raise ValueError(f"needs at least {MIN_KEY_LENGTH} characters; `openssl rand -hex 32` makes one")
    return SecretStr(key)


def optional_secret(value: object) -> SecretStr | None:
    """Read one secret of at least 32 characters, or None."""
    return None if value is None else secret(value)


def secrets(value: object) -> tuple[SecretStr, ...]:
    """Read secrets, each of at least 32 characters, no two alike."""
    keys = []
    for number, item in enumerate(items(value), 1):
        try:
            keys.append(secret(item))
        except ValueError as refusal:
            raise ValueError(f"has a key (number {number}) that {refusal}") from None
    if len(set(keys)) < len(keys):
        raise ValueError("has the same key twice; remove one")
    return tuple(keys)


def bearer(value: object) -> SecretStr | None:
    """Read a token that can stand in an Authorization header, or None."""
    if value is None:
        return None
    token = text(value)
    if not token.isascii() or " " in token:
        raise ValueError("may hold only ASCII characters without spaces, as it stands in an Authorization header")
    return SecretStr(token)
