"""Names a stranger might give, made to break a header, a body or a reader's eye. Seeded: the same in every run."""

import random
from collections.abc import Iterator

# The unit tests try this many; a longer run may ask for more with the same seed.
NAMES_IN_UNIT_TESTS = 500
SEED = 20_260_503

PIECES = (
    *("\r\n", "\r", "\n", "\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x00", "\x1b[31m"),
    *("Bcc: evil@evil.example", "\r\nBcc: evil@evil.example", "\n\nbody", "\r\n.\r\n", "\n.\n", "\r.\r", ".\r\nMAIL"),
    *("=?utf-8?q?hi=0ABcc=3A=20evil=40evil=2Eexample?=", "=?utf-8?b?aGkKQmNjOiBldmlsQGV2aWwuZXhhbXBsZQ==?="),
    *("=?utf-8?q?=3D=3Futf-8=3Fq=3Fa=3F=3D?=", "=?", "?=", "==??==", "=\u200b?utf-8?q?a?=", "=_gatepost_alternative"),
    *("\r\n--=_gatepost_alternative--\r\n", "--=_gatepost_alternative", "=3D", "=\r\n", "\u202e", "\u2066", "\u200b"),
    *("\u200d", "\ufeff", "\u00ad", "\u061c", "\u3164", "\u115f", "\U000e0041", "\ud800", "\udfff", "\ue000", "\u0378"),
    *("{{7*7}}", "{{config}}", "{% for x in y %}", "{{''.__class__.__mro__}}", "${7*7}", "<%= 7 %>", "%s%n", "{0}"),
    *("<script>alert(1)</script>", '"><img src=x>', "</p>", "&lt;", "<!-- ", "http://evil.example", "//evil.example"),
    *("hthttp://tp://evil.example", "javascript:alert(1)", "evil.example", "www.evil。example", "a@evil.example"),
    *("mailto:a@evil.example", "\uff0e", "\uff20", "\u2024", "a\u0301" * 3, "o" + "\u0335" * 60, "Ada", "Lovelace"),
    *(
        "Jürgen",
        "李小龙",
        "👩‍🚀",
        "محمد",
        "O'Brien",
        "J.R.R. Tolkien",
        "x" * 2_000,
        " " * 90,
        "\t",
        "é" * 90,
        '"',
        "\\",
    ),
)


def names(count: int, seed: int = SEED) -> Iterator[str]:
    """Make `count` names: every piece alone first, then mixed and with any code point between."""
    chance = random.Random(seed)
    yield from PIECES[:count]
    for _ in range(count - len(PIECES)):
        pieces = chance.choices(PIECES, k=chance.randint(1, 6))
        if chance.random() < 0.5:
            pieces.insert(chance.randrange(len(pieces) + 1), chr(chance.randrange(0x110000)))
        yield "".join(pieces)
