"""docs/reference/passwords.md against the code."""

import re
from pathlib import Path

from gatepost.accounts import common_passwords, password_patterns, personal_words
from gatepost.accounts.password_policy import PasswordPolicy

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "passwords.md").read_text()
PROSE = " ".join(PAGE.split())
# Words and titles between quotation marks that are no examples of a password.
MENTIONED = {"adalovelace", "lovelace", "10 million passwords", "Ada King"}
ADA = ("ada.lovelace@post.example.com", "Ada King")


def test_the_page_counts_the_list_right():
    """Entries in all, of 8 and more, of 12 and more."""
    lengths = [len(entry) for entry in common_passwords.load().decode().splitlines()]
    counts = [sum(length >= least for length in lengths) for least in (0, 8, 12)]
    told = re.search(r"has ([\d,]+) entries: ([\d,]+) of them with at least 8 code points, ([\d,]+) with", PROSE)
    assert told is not None
    assert counts == [int(number.replace(",", "")) for number in told.groups()]


def test_the_page_names_the_bounds():
    """Each number of a rule stands on the page."""
    assert f"up to {common_passwords.MAX_ADDED_CHARACTERS} digits and signs" in PROSE
    assert f"fewer than {password_patterns.LEAST_DIFFERENT} different characters" in PROSE
    assert f"repeats {password_patterns.LONGEST_UNIT} characters or fewer" in PROSE
    assert f"fewer than {personal_words.LEAST_WORD} code points do not count" in PROSE
    assert f"fewer than {personal_words.LEAST_OF_ONES_OWN} characters are left" in PROSE


def test_the_examples_are_judged_as_the_page_says():
    """What it calls refused is refused for that reason, and the sentences are not."""
    policy = PasswordPolicy(8, "Larch")
    of = {section.split("\n")[0]: section for section in re.split(r"\n## ", PAGE)}
    for heading, code in (("Too common", "too_common"), ("Too personal", "too_personal")):
        allowed = {"dragons do not eat porridge", "lovelace had an engine"}
        quoted = {text for text in of[heading].split('"')[1::2] if len(text) >= policy.min_length} - MENTIONED
        assert quoted & allowed, heading
        for password in quoted:
            problem = policy.problem(password, ADA)
            assert (None if password in allowed else code) == (problem and problem.code), password


def test_the_words_are_those_the_page_lists():
    """Of the address and of the name."""
    assert {"adalovelace", "lovelace", "post", "example", "adaking", "king"} == set(personal_words.personal_words(ADA))
