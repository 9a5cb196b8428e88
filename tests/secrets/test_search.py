"""The search for issued secrets finds what is planted: without that its silence would mean nothing."""

import asyncio
import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from gatepost.accounts.gate import Gate
from gatepost.accounts.keys import Keys
from gatepost.accounts.tables import accounts
from tests.support.flows import Flows
from tests.support.issued_secrets import Issued, forms_of_token
from tests.support.issued_tokens import rows_of_file, rows_of_postgresql
from tests.support.postgresql import run_apart

PASSWORD = 'grün & a "quoted" sandpiper'
SESSION = "Zm9yIHRoZSBzZWFyY2ggYWxvbmUsIDMyIGJ5dGVzIS0"
TOKEN = base64.urlsafe_b64encode(bytes(range(100, 148))).decode()
MAC = base64.urlsafe_b64decode(TOKEN)[16:]

HIDDEN: dict[str, Callable[[], bytes]] = {
    "as it is": lambda: PASSWORD.encode(),
    "in JSON": lambda: json.dumps({"password": PASSWORD}).encode(),
    "in a URL": lambda: quote(PASSWORD).encode(),
    "in hex": lambda: PASSWORD.encode().hex().encode(),
    "in base64 behind one byte": lambda: base64.b64encode(b"x" + PASSWORD.encode() + b"yz"),
    "in base64 behind two bytes": lambda: base64.urlsafe_b64encode(b"xy" + PASSWORD.encode() + b"z"),
    "a session": lambda: SESSION.encode(),
    "a session's bytes": lambda: base64.urlsafe_b64decode(SESSION + "="),
    "a token": lambda: TOKEN.encode(),
    "a token over two lines": lambda: TOKEN[:30].encode() + b"=\r\n" + TOKEN[30:].encode(),
    "a token's MAC": lambda: MAC,
    "a token's MAC in hex": lambda: MAC.hex().encode(),
    "a token's bytes in ordinary base64": lambda: base64.b64encode(bytes(range(100, 148))),
}


@pytest.fixture
def issued(tmp_path: Path) -> Issued:
    """A register of its own that knows a password, a session and a token."""
    made = Issued()
    made.begin(tmp_path)
    made.note("password", PASSWORD)
    made.note("session token", SESSION)
    made._tokens.add(TOKEN)
    return made


@pytest.mark.parametrize("how", HIDDEN)
def test_a_planted_secret_is_found_however_it_is_written(issued: Issued, tmp_path: Path, how: str) -> None:
    """In the middle of a file of binary noise; the finding names kind and place, and nothing of the secret."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "some.db-wal").write_bytes(
        b"\0\n\xff" * 4000 + b"\x07" + HIDDEN[how]() + b"\x07" + b"\0" * 999
    )

    (finding,) = issued.search_everything(tmp_path)

    kind = "session token" if "session" in how else "mailed token" if "token" in how else "password"
    assert f"{kind} in {tmp_path}/folder/some.db-wal" == finding


def test_what_is_kept_for_the_end_is_searched_under_its_own_name(issued: Issued, tmp_path: Path) -> None:
    """Metrics, captured output and rows of a dropped database."""
    issued.keep("metrics", f'gatepost_odd{{label="{SESSION}"}} 1')
    issued.keep("Captured stderr of a test", "nothing")

    assert [f"session token in {tmp_path}/must-hold-no-secret/000001 metrics"] == issued.search_everything(tmp_path)


def test_the_mailbox_of_development_may_hold_links(issued: Issued, tmp_path: Path) -> None:
    """It exists to show them; so may the files in which keys are given."""
    (tmp_path / "one.eml").write_text(f"http://127.0.0.1/verify?token={TOKEN}")
    (tmp_path / "secret.key").write_text("k" * 64)
    issued.note_keys(["k" * 64])

    assert [] == issued.search_everything(tmp_path)


def test_a_search_for_nothing_finds_nothing(tmp_path: Path) -> None:
    """A register that knows no secret does not take every line for one."""
    nothing = Issued()
    nothing.begin(tmp_path)
    nothing.keep("metrics", "gatepost_up 1\n\n")

    assert [] == nothing.search_everything(tmp_path)


def test_filling_is_nobodys_secret(issued: Issued, tmp_path: Path) -> None:
    """A password of many x is about a length; a mail of a million x, written by another test, leaks nothing."""
    issued.note("password", "x" * 14)
    (tmp_path / "mail").write_text("x" * 1_000)
    assert [] == issued.search_everything(tmp_path)


async def test_mailed_tokens_of_a_database_are_known_without_a_note(gate: Gate, tmp_path: Path) -> None:
    """The very tokens that were mailed are made again from the file; one planted in a row is found there."""
    key = "a secret of this test alone, or the whole run would end red"
    flows = Flows(replace(gate, keys=Keys([key])))
    issued = Issued()
    issued.begin(tmp_path)
    issued.note_keys([key])
    await flows.register()
    mailed = (await flows.deliver())["verification"]
    file = tmp_path / "gatepost.db"

    assert mailed in issued.note_rows(rows_of_file(file))
    assert [] == issued.search_everything(tmp_path)
    await flows.gate.database.write(lambda tx: tx.execute(accounts.update().values(name=f"x{mailed}")).rowcount)
    assert {"mailed token"} == {finding.partition(" in ")[0] for finding in issued.search_everything(tmp_path)}


def test_rows_of_postgresql_are_read_as_text(postgresql_url: str) -> None:
    """Text as it is, bytes as hex: both are among the forms that are searched for."""

    async def read() -> tuple[list[object], list[str]]:
        connection = await asyncpg.connect(postgresql_url)
        try:
            await connection.execute("CREATE TABLE public.odd (words text, bits bytea)")
            await connection.execute("INSERT INTO public.odd VALUES ($1, $2)", TOKEN, MAC)
            tokens, rows = await rows_of_postgresql(connection)
            return list(tokens), rows
        finally:
            await connection.close()

    tokens, rows = run_apart(asyncio.wait_for(read(), 30))

    (odd,) = [row for row in rows if TOKEN in row]
    assert [] == tokens
    assert {TOKEN[22:36], MAC[:8].hex()} <= {form.decode("latin-1") for form in forms_of_token(TOKEN)}
    assert MAC.hex() in odd


def test_a_service_is_searched_when_it_stops(issued: Issued, tmp_path: Path) -> None:
    """Its folder may be gone at the end of the run."""
    database = tmp_path / "gatepost.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE odd (words TEXT)")
        connection.execute("INSERT INTO odd VALUES (?)", (PASSWORD,))
        connection.commit()

    issued.search_service(database, f"a line with {SESSION} in it")

    assert {"password", "session token"} == {finding.partition(" in ")[0] for finding in issued.found}
