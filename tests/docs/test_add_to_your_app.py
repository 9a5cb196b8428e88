"""docs/how-to/add-to-your-app.md does what it says about who is signed in."""

import uuid
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from gatepost import Account, Gatepost, Settings
from tests.docs.pages import ROOT, code_words, fenced, section

SECTION = section((ROOT / "docs" / "how-to" / "add-to-your-app.md").read_text("utf-8"), "Who is signed in")


def test_the_routes_of_the_page_run_for_whoever_is_signed_in(tmp_path: Path) -> None:
    """Nobody is 401; a test's override is whoever it says."""
    gatepost = Gatepost(Settings(database_url=f"sqlite:///{tmp_path / 'gatepost.db'}"))
    app = FastAPI()
    app.include_router(gatepost.router(prefix="/auth"))
    names: dict[str, Any] = {"app": app, "gatepost": gatepost}
    (code,) = fenced(SECTION, "python")
    exec(code, names)
    with TestClient(app) as client:
        assert [401, 401] == [client.request(method, "/boats").status_code for method in ("GET", "POST")]
        somebody = Account(uuid.UUID(int=1), "lin@example.com", None, "en", 1, 1)
        app.dependency_overrides[gatepost.current_account] = lambda: somebody
        assert {"boats": [], "of": "lin@example.com"} == client.get("/boats").json()
        assert {"owner": str(somebody.id)} == client.post("/boats").json()


def test_the_fields_of_an_account_are_named() -> None:
    """All of them."""
    sentence = next(line for line in SECTION.replace("\n", " ").split(". ") if line.startswith("An `Account` has"))
    assert list(Account.__dataclass_fields__) == code_words(sentence.partition(";")[0])[1:]
