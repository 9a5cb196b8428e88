"""Every secret the tests issue, and the search for it at the end of the run in all that must not hold it.

Helpers note what they know: passwords they send, tokens they are given, keys they set. Mailed tokens need no note: they
are made again from the rows of each database that is searched, and the keys. Searched are all files the tests left in
their folders (databases with their logs, output of processes), rows of PostgreSQL before they are dropped, what
/metrics answered, events, and what pytest captured. Not searched: the development mailbox, which exists to show links,
and the files in which keys and settings are given.

Nothing here ever names a secret, only its kind and the place.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus

from tests.support.issued_tokens import Row, rows_of_file, token_of

MIN_CHARACTERS = 12  # what is shorter stands in texts by chance, and is refused as a password anyway
MIN_DIFFERENT = 4  # "xxxxxxxxxxxx" tests a length, and another test's long text of x is no leak of it
# Where secrets rightly are: mail for developers, keys and settings as somebody gave them.
RIGHTLY_IN = ("*.eml", "secret.key", "gatepost.toml", "*.env", "*.py", "*.pem", "*.lock")
# Of a mailed token: behind its id, and one of both survives a soft line break. Short, because there are many: 84 bits.
_SHAPE = slice(22, 36), slice(43, 57)
_PASSWORDS = ("password", "current_password")
_NO_NAME = re.compile(r"[^\w .-]+")
_COOKIE = re.compile(r"(?:__Host-)?gatepost(?:-operator)?=([\w-]{43})(?:;|$)")


class Issued:
    """The register of one run; it does nothing until `begin`."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._noted: set[str] = set()
        self._kinds: dict[bytes, str] = {}  # of each form of each secret but mailed tokens
        self._tokens: set[str] = set()
        self._keys: dict[str, str] = {}
        self._orphans: set[str] = set()  # ids of keys nobody noted: tokens that cannot be made again
        self._kept = 0
        self.found: list[str] = []

    def begin(self, folder: Path) -> None:
        """Note from now on; `folder` is among what is searched."""
        self._folder = folder / "must-hold-no-secret"
        self._folder.mkdir(mode=0o700, exist_ok=True)

    @property
    def listening(self) -> bool:
        """Whether `begin` was called."""
        return self._folder is not None

    # What is secret.

    def note(self, kind: str, secret: object) -> None:
        """Note one secret text; what is no text, too short to be one or mere filling is passed over."""
        if self._folder is None or not isinstance(secret, str) or secret in self._noted:
            return
        if len(secret) < MIN_CHARACTERS or len(set(secret)) < MIN_DIFFERENT:
            return
        self._noted.add(secret)
        self._kinds |= dict.fromkeys(forms_of_session(secret) if kind == "session token" else forms(secret), kind)

    def note_keys(self, keys: Iterable[str]) -> None:
        """Note secret keys; the tokens made with them can be made again."""
        for key in keys:
            self.note("key", key)
            self._keys[hashlib.sha256(key.encode()).hexdigest()[:12]] = key

    def note_settings(self, settings: Mapping[str, object]) -> None:
        """Note what is secret among settings, by their names without GATEPOST_ in any case."""
        for name, value in settings.items():
            if name.upper() == "SECRET_KEYS" and isinstance(value, str):
                self.note_keys(one.strip() for one in value.split(","))
            elif name.upper() in ("ADMIN_TOKEN", "SUPPRESSION_KEY"):
                self.note(name.lower().replace("_", " "), value)

    def note_request(self, body: bytes | str | None) -> None:
        """Note the passwords in the body of a request, JSON or a form; what is said openly beside is none."""
        members = _members(body)
        said = [value for name, value in members if name not in _PASSWORDS]
        for name, value in members:
            if name in _PASSWORDS and value not in said:
                self.note("password", value)

    def note_answer(self, body: bytes | str, cookies: Iterable[str] = ()) -> None:
        """Note the session that an answer gives, in its body or as a cookie."""
        for name, value in _members(body):
            if name == "token":
                self.note("session token", value)
        for cookie in cookies:
            if found := _COOKIE.match(cookie):
                self.note("session token", found[1])

    def note_rows(self, rows: Iterable[Row]) -> list[str]:
        """Make the mailed tokens of these rows again, and note them."""
        made = []
        for row in rows:
            key = self._keys.get(row.key_id)
            if key is None:
                self._orphans.add(row.key_id)
            else:
                made.append(token_of(row, key))
        if self._folder is not None:
            self._tokens.update(made)
        return made

    # What must not hold it.

    def keep(self, place: str, content: object) -> None:
        """Keep a text or bytes to be searched at the end of the run."""
        if self._folder is None or not content:
            return
        data = content if isinstance(content, bytes) else str(content).encode("utf-8", "backslashreplace")
        self._kept += 1
        name = _NO_NAME.sub("_", place)[-120:]
        (self._folder / f"{self._kept:06} {name}").write_bytes(data)

    def search_service(self, database: Path | None, output: str) -> None:
        """Search what a stopped process leaves behind, at once: its folder may go before the run ends."""
        if self._folder is None or (database is None and not output):
            return
        files = [] if database is None else [database, database.with_name(database.name + "-wal")]
        tokens = [] if database is None else self.note_rows(rows_of_file(database))
        with tempfile.TemporaryDirectory() as apart:
            written = Path(apart) / "output of a process"
            written.write_text(output, "utf-8", "backslashreplace")
            self._search([str(one) for one in [*files, written] if one.exists()], tokens)

    def search_everything(self, folder: Path) -> list[str]:
        """Search all that was kept and all files under `folder`; returns every place with the kind of secret in it."""
        for key_file in folder.rglob("secret.key"):
            with suppress(OSError, UnicodeDecodeError):
                self.note_keys(key_file.read_text().split())
        for database in folder.rglob("*.db"):
            self.note_rows(rows_of_file(database))
        self._search([str(folder)], self._tokens)
        return self.found

    def counts(self) -> Counter[str]:
        """How much was searched; of several processes of one run the counts add up."""
        noted, tokens = len(self._noted), len(self._tokens)
        return Counter(secrets=noted + tokens, found=len(self.found), unknown=len(self._orphans))

    def _search(self, paths: list[str], tokens: Iterable[str]) -> None:
        kinds = self._kinds | {form: "mailed token" for token in tokens for form in forms_of_token(token)}
        for place, form in search(paths, kinds):
            finding = f"{kinds.get(form, 'secret')} in {place}"
            if finding not in self.found:
                self.found.append(finding)


def summary(counts: Mapping[str, int]) -> str:
    """What `Issued.counts` says, for the end of the run."""
    unknown = f"; {counts['unknown']} keys nobody noted" if counts["unknown"] else ""
    return f"{counts['secrets']} secrets, {counts['found']} found where none may be{unknown}"


def search(paths: list[str], forms: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """Each place where one of the forms stands, as (file, form). With grep: a hundred megabytes in a second."""
    if not paths or not (patterns := b"\n".join(sorted(form for form in forms if form and b"\n" not in form))):
        return
    with _file_of(patterns) as file:
        excluded = [f"--exclude={name}" for name in RIGHTLY_IN]
        command = ["grep", "-r", "-a", "-o", "-F", "-H", "-Z", *excluded, "-f", file, "--", *paths]
        done = subprocess.run(command, env={**os.environ, "LC_ALL": "C"}, capture_output=True, check=False)
    if done.returncode > 1:
        # A file that went meanwhile belongs to a test that removes it, one that cannot be read to a test that cuts the
        # power of its disk.
        gone = (b"No such file", b"Input/output error")
        trouble = [line for line in done.stderr.splitlines() if not line.endswith(gone) and gone[0] not in line]
        assert [] == trouble, trouble
    for place, _, form in (line.partition(b"\0") for line in done.stdout.split(b"\n") if line):
        yield place.decode(errors="replace"), form


def forms(secret: str) -> set[bytes]:
    """How a text may stand somewhere: as it is, escaped for JSON or a URL, as base64 at any offset, in hex."""
    raw = secret.encode("utf-8", "surrogatepass")
    found = {raw, json.dumps(secret)[1:-1].encode(), quote(raw).encode(), quote_plus(raw).encode()}
    found |= {raw.hex().encode(), raw.hex().upper().encode()}
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + raw)
        core = encoded[(0, 2, 3)[shift] : (shift + len(raw)) * 4 // 3]
        found |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    return {form for form in found if len(form) >= MIN_CHARACTERS}


def forms_of_session(token: str) -> set[bytes]:
    """The same for the token of a session: 32 bytes in base64url without its padding."""
    found = {token.encode(), token.translate(str.maketrans("-_", "+/")).encode(), token.encode().hex().encode()}
    with suppress(ValueError):
        found |= _forms_of_bytes(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return found


def forms_of_token(token: str) -> set[bytes]:
    """The same for a mailed token, of which only the MAC is secret: its id stands in the database."""
    texts = [token[part] for part in _SHAPE]
    found = {text.encode() for text in texts} | {text.translate(str.maketrans("-_", "+/")).encode() for text in texts}
    return found | _forms_of_bytes(base64.urlsafe_b64decode(token)[16:])


def _forms_of_bytes(secret: bytes) -> set[bytes]:
    pieces = re.findall(rb"[^\n]{9}", secret)[:1]  # a pattern ends at its line
    return {*pieces, secret[:8].hex().encode()}


@contextmanager
def _file_of(patterns: bytes) -> Iterator[str]:
    with tempfile.NamedTemporaryFile() as file:  # 0600, and gone afterwards
        file.write(patterns + b"\n")
        file.flush()
        yield file.name


def _members(body: bytes | str | None) -> list[tuple[str, Any]]:
    """The members of a JSON object or the fields of a form."""
    if not body:
        return []
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    if text.lstrip().startswith("{"):
        with suppress(ValueError, RecursionError):
            parsed = json.loads(text)
            return list(parsed.items()) if isinstance(parsed, dict) else []
        return []
    if len(text) > 65_536 or "=" not in text[:200] or "<" in text[:200]:
        return []
    return [(name, values[-1]) for name, values in parse_qs(text).items()]


ISSUED = Issued()
