"""What stands behind MAIL and RCPT."""


def size_in(rest: bytes) -> int:
    """The SIZE that MAIL announces (RFC 1870), 0 for none."""
    _, _, size = rest.upper().partition(b" SIZE=")
    digits = size.split(b" ")[0]
    return int(digits) if digits.isdigit() else 0


def path_in(rest: bytes) -> str:
    """The path between the angle brackets, "" for none."""
    start, end = rest.find(b"<"), rest.find(b">")
    return rest[start + 1 : end].decode("utf-8", "replace") if 0 <= start < end else ""
