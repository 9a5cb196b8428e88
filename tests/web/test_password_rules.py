"""The rules for new passwords over HTTP: as fields of a problem, and beside the field of a page."""

from pathlib import Path

import pytest

from tests.web.test_pages import send
from tests.web.test_whole import Service

EMAIL = "ada@engines.example"
REFUSED = {
    "x" * 1025: ("too_long", "Use at most 1024 characters."),
    "Password1234!": ("too_common", "one of the first that attackers try"),
    "engines-1843": ("too_personal", "made of your name, your address or the name of this service"),
}


@pytest.mark.parametrize(("password", "expected"), REFUSED.items(), ids=[code for code, _ in REFUSED.values()])
def test_s05_the_reason_is_a_field_of_the_problem_and_stands_on_the_page(
    tmp_path: Path, password: str, expected: tuple[str, str]
) -> None:
    """422, the code for programs and the sentence for people; neither repeats the password."""
    code, sentence = expected
    with Service(tmp_path).client() as client:
        answer = client.post("/auth/register", json={"email": EMAIL, "password": password})
        page = send(client, "/register", email=EMAIL, password=password)
    (field,) = answer.json()["errors"]
    assert (422, "password", code) == (answer.status_code, field["field"], field["code"])
    assert sentence in field["detail"]
    assert (422, True) == (page.status_code, sentence in page.text)
    assert [] == [text for text in (answer.text, page.text) if password in text]


def test_a_least_score_is_a_setting(tmp_path: Path) -> None:
    """With PASSWORD_MIN_SCORE zxcvbn has a say, and the reason has a code of its own."""
    pytest.importorskip("zxcvbn_rs_py", reason="the extra zxcvbn is not installed")
    with Service(tmp_path, password_min_score=4).client() as client:
        for password, status in (("januaryfebruary", 422), ("sandpiper quartz ladle", 202)):
            answer = client.post("/auth/register", json={"email": EMAIL, "password": password})
            assert status == answer.status_code
            assert ["too_guessable"][: status == 422] == [error["code"] for error in answer.json().get("errors", ())]
