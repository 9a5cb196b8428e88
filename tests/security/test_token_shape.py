"""Where the randomness of tokens comes from, and what they are not."""

import ast
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import gatepost
from gatepost.accounts import sessions, tokens
from gatepost.accounts.keys import Keys
from gatepost.accounts.tokens import Purpose
from gatepost.database.columns import metadata
from gatepost.errors import BadToken

COUNT = 100_000
BITS = tokens.ID_BYTES * 8
SOURCE = Path(gatepost.__file__).parent
ROOT = SOURCE.parents[1]
# Every library for JSON Web Tokens on the package index that anybody uses.
JWT_LIBRARIES = {
    "pyjwt",
    "jwt",
    "python-jose",
    "jose",
    "authlib",
    "joserfc",
    "jwcrypto",
    "jwskate",
    "paseto",
    "python-jwt",
}


@pytest.fixture(scope="module")
def ids() -> list[bytes]:
    """As many tokens as a large product issues in a day."""
    keys = Keys(["a secret of the tests, long enough to be one"])
    engine = create_engine("sqlite://")
    made = []
    with engine.begin() as tx:
        metadata.create_all(tx)
        for number in range(COUNT):
            purpose = list(Purpose)[number % len(Purpose)]
            made.append(
                tokens.issue(tx, keys, purpose, account_id=None, address_key="hidden:0", now_ms=number, void=True)
            )
    return made


def test_s25_a_hundred_thousand_tokens_repeat_nothing(ids: list[bytes]) -> None:
    """128 random bits each: all different, in either half too, and each bit is set in half of them."""
    assert 128 == BITS
    assert {tokens.ID_BYTES} == {len(one) for one in ids}
    assert [COUNT] * 3 == [len(set(ids)), len({one[:8] for one in ids}), len({one[8:] for one in ids})]
    numbers = [int.from_bytes(one, "big") for one in ids]
    ones = [sum(number >> bit & 1 for number in numbers) for bit in range(BITS)]
    far = 6 * (COUNT / 4) ** 0.5  # six standard deviations: once in four million runs
    assert [] == [count for count in ones if abs(count - COUNT / 2) > far]


def test_s25_a_token_has_one_length_and_one_alphabet(ids: list[bytes]) -> None:
    """64 characters of base64url, whatever it is for; no two are alike."""
    keys = Keys(["a secret of the tests, long enough to be one"])
    account = uuid.UUID(int=7)
    made = [
        tokens.mailed(keys, keys.signing_id, one, list(Purpose)[number % 4], account, "ada@example.com") or ""
        for number, one in enumerate(ids)
    ]
    assert COUNT == len(set(made))
    assert [] == [one for one in made if not re.fullmatch(r"[\w-]{64}", one, re.ASCII)]


@pytest.mark.parametrize("module", [tokens, sessions])
def test_s25_the_randomness_is_the_systems(module: object) -> None:
    """What makes a token takes it from `secrets`, and knows no other source."""
    tree = ast.parse(Path(str(module.__file__)).read_text())  # type: ignore[attr-defined]
    assert "secrets" in set(_imports(tree))
    assert set() == {"random", "time", "numpy"} & set(_imports(tree))
    drawn = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and "secrets." in ast.unparse(node.func)
    ]
    assert [] == [
        one for one in drawn if not re.search(r"secrets\.token_(bytes|urlsafe)\((ID_BYTES|\w*BYTES|32)\)", one)
    ]
    assert drawn


def test_s44_there_is_no_jwt_anywhere() -> None:
    """No library for them is installed with the product, and no source file speaks of one."""
    locked = {re.split(r"[\[=\s]", line)[0].lower() for line in (ROOT / "requirements.lock").read_text().splitlines()}
    assert "fastapi" in locked
    assert set() == JWT_LIBRARIES & locked
    for file in SOURCE.rglob("*.py"):
        tree = ast.parse(file.read_text())
        assert set() == {"jwt", "jose", "authlib", "joserfc", "jwcrypto"} & set(_imports(tree)), file


def test_s44_no_token_is_a_jwt() -> None:
    """A JWT has dots and begins with an encoded brace; ours have neither, and what has them is refused by its shape."""
    keys = Keys(["a secret of the tests, long enough to be one"])
    made = tokens.mailed(keys, keys.signing_id, bytes(16), Purpose.VERIFICATION, uuid.UUID(int=7), "ada@example.com")
    assert made is not None
    assert "." not in made
    for jwt in ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.".ljust(64, "A")):
        with pytest.raises(BadToken, match="shape"):
            tokens.parse(jwt)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
