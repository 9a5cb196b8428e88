"""Enhanced status codes: read where they stand, and not guessed elsewhere."""

import pytest

from gatepost.mail.status import enhanced_status


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("2.0.0 OK: queued as 4F1", "2.0.0"),
        ("5.1.1 <ada@example.com>: Recipient address rejected", "5.1.1"),
        ("4.7.0", "4.7.0"),
        ("4.2.2\nThe mailbox is full", "4.2.2"),
        ("550 5.7.1 Blocked", "5.7.1"),
        ("550-5.7.1 Blocked", "5.7.1"),
        ("#5.1.0 Address rejected", "5.1.0"),
        ("5.999.999: odd but legal", "5.999.999"),
        ("", None),
        ("OK", None),
        ("Mailbox full, see 5.2.2", None),
        ("4.3.2.1 is listed", None),
        ("5.1.1000 too long", None),
        ("5.01.1 zero in front", None),
        ("3.1.1 no such class", None),
        ("٥.1.1 not a digit of the protocol", None),
        ("5.1", None),
    ],
)
def test_a_status_is_read_from_the_start_of_the_text(text: str, status: str | None) -> None:
    """class.subject.detail at the start, as RFC 2034 places it; an IP address or a number further on is none."""
    assert status == enhanced_status(text)
