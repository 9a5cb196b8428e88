"""Make the list of common passwords again: `python -m tests.passwords TOP_MILLION ROCKYOU`.

docs/reference/passwords.md says where the two files come from. Both begin with the most used password.
"""

import gzip
import re
import sys
import unicodedata
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

LIST = Path(__file__).parents[2] / "src" / "gatepost" / "accounts" / "common_passwords.txt.gz"
LEAST = 4  # code points
OF_ANY_LENGTH = 10_000
OF_8_OR_MORE = 15_000
OF_12_OR_MORE = 10_000
OF_ROCKYOU_WITH_12_OR_MORE = 6_000

# In no list, and the first that anybody tries who has read about passwords.
FAMOUS = ("correcthorsebatterystaple", "correct horse battery staple", "tr0ub4dor&3", "troubador")
_ADDRESS = re.compile(r"\S@\S+\.\S")  # somebody's, whether or not it was a password


def entries(path: Path) -> Iterator[str]:
    """Each password of a file, casefolded and in NFC, in the file's order, none twice."""
    seen = set()
    with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            text = unicodedata.normalize("NFC", line.rstrip("\r\n")).casefold()
            usable = text.isprintable() and "\ufffd" not in text and not _ADDRESS.search(text)
            if len(text) >= LEAST and usable and text not in seen:
                seen.add(text)
                yield text


def first(path: Path, most: int, least: int) -> Iterator[str]:
    """The first `most` of a file with at least `least` code points."""
    return islice((text for text in entries(path) if len(text) >= least), most)


def main(top_million: Path, rockyou: Path) -> None:
    chosen = {
        *first(top_million, OF_ANY_LENGTH, LEAST),
        *first(top_million, OF_8_OR_MORE, 8),
        *first(top_million, OF_12_OR_MORE, 12),
        *first(rockyou, OF_ROCKYOU_WITH_12_OR_MORE, 12),
        *FAMOUS,
    }
    lines = b"".join(entry + b"\n" for entry in sorted(text.encode() for text in chosen))
    LIST.write_bytes(gzip.compress(lines, 9, mtime=0))
    lengths = [len(text) for text in chosen]
    counts = {least: sum(length >= least for length in lengths) for least in (LEAST, 8, 12, 15)}
    sys.stdout.write(f"{LIST}: {LIST.stat().st_size} bytes; entries by least length: {counts}\n")


main(*map(Path, sys.argv[1:]))
