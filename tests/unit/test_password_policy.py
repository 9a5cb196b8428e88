"""What a new password must not be, and what it may be."""

import importlib
import re
from pathlib import Path

import pytest

from gatepost.accounts import common_passwords, password_policy
from gatepost.accounts.password_policy import PasswordPolicy
from gatepost.accounts.tables import metadata
from gatepost.errors import SettingsError
from gatepost.settings.table import SETTINGS

POLICY = PasswordPolicy(12, "Larch & Sons")
ADA = ("ada.lovelace+news@post.analytical-engines.example", "Ada King Lovelace")


def code(password: str, context: tuple[str | None, ...] = (), policy: PasswordPolicy = POLICY) -> str | None:
    """The code of what is wrong, or None."""
    problem = policy.problem(password, context)
    return None if problem is None else problem.code


@pytest.mark.parametrize("least", [8, 12, 15])
def test_s01_a_password_is_as_long_as_the_setting_asks_in_code_points(least: int) -> None:
    """One fewer is refused, however many bytes they are; the answer says how many it takes."""
    policy = PasswordPolicy(least, "Larch")
    letters = "жёлудьбарсукч"[: least - 2] + "龍馬精神"
    assert (None, "too_short") == (code(letters[-least:], policy=policy), code(letters[-least:][1:], policy=policy))
    problem = policy.problem("")
    assert problem is not None
    assert f"Use at least {least} characters." == problem.detail


@pytest.mark.parametrize(
    "password",
    [
        "any sixty-four characters or many more may be used for a password",
        "zebra marmot kelp",
        "zebramarmotkelp",
        "          marmot kelp          ",
        "739148205617",
        "🐎🔋📎🖇🦊🐙🦀🐝🥁🎷🪗🎻",
        "一句只有您才会写的话，没有别人",
        "kelp\x00marmot\x00zebra",
        "kelp\nmarmot\tzebra",
        "ᚠᛇᚻ᛫ᛒᛦᚦ᛫ᚠᚱᚩᚠᚢᚱ",
    ],
)
def test_s02_any_characters_in_any_composition_will_do(password: str) -> None:
    """Blanks, emoji, one kind of letter alone, digits alone: no rule asks for a composition."""
    assert code(password) is None


def test_s03_more_than_1024_characters_are_refused() -> None:
    """The longest password that passes has 1,024; the answer says so."""
    longest = ("zebra marmot kelp " * 60)[:1000] + "tapir puffin quail ladle"
    assert (1024, None, "too_long") == (len(longest), code(longest), code(longest + "x"))


def test_s04_the_composed_form_is_judged_as_it_is_hashed() -> None:
    """An é typed as two code points counts as one, and a word of the name is known in both forms."""
    decomposed = "e\u0301"
    assert ("too_short", None) == (code(decomposed * 2 + "zebra dog"), code(decomposed * 2 + "zebra dogs"))
    assert "too_personal" == code("a\u030angstro\u0308m 1234", (None, "Tove \u00c5ngstr\u00f6m"))
    assert "too_long" == code("zebra marmot " + decomposed * 506)


def test_s05_the_list_has_over_3000_entries_of_each_least_length() -> None:
    """As long as passwords must be by default, and as short as they may be made."""
    entries = common_passwords.load().decode().splitlines()
    assert 3_000 <= sum(len(entry) >= 12 for entry in entries) <= sum(len(entry) >= 8 for entry in entries)
    assert [] == [entry for entry in entries if not common_passwords.is_listed(entry)]
    assert entries == sorted(set(entries), key=str.encode)


def test_s05_what_is_on_the_list_is_refused_and_the_answer_says_why() -> None:
    """Entries of 12 and more, to the letter and in capitals."""
    entries = [entry for entry in common_passwords.load().decode().splitlines() if len(entry) >= 12][::10]
    assert {"too_common"} == {code(entry) for entry in entries} | {code(entry.upper()) for entry in entries}
    problem = POLICY.problem("qwerty123456")
    assert problem is not None
    assert ("password", True) == (problem.field, "one of the first that attackers try" in problem.detail)


@pytest.mark.parametrize(
    "password",
    [
        "Password1234!",
        "p4$$w0rd2024!",
        "P@ssw0rd....1",
        "123monkey456",
        "dragon!!!!!!!!!!!!",
        "monkey123456789",
        "trustno1trustno1",
        "hunter2 hunter2",
        "pass-word-2024",
        "I love you so much!",
        "Correct Horse Battery Staple",
        "Elephant-9988",
    ],
)
def test_s05_a_common_password_in_disguise_is_refused(password: str) -> None:
    """Capitals, digits for letters, signs and digits around it, the whole thing twice: attackers know all that."""
    assert "too_common" == code(password)


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaa",
        "010011000111",
        "k7udk7udk7ud",
        "qwertyuiop[]",
        "1qaz2wsx3edc4rfv",
        "zyxwvutsrqponm",
        "asdf-qwer-zxcv",
        "йцукенгшщзхъ",
        "1111222233334444",
    ],
)
def test_s05_repeats_and_rows_of_keys_are_refused(password: str) -> None:
    """They look like twelve characters and are one thought."""
    assert "too_common" == code(password)


@pytest.mark.parametrize(
    "password", ["monkey 8291 0475 8193 2846", "the password of my sister", "dragons do not eat porridge"]
)
def test_s05_a_common_word_is_no_harm_where_the_rest_is_enough(password: str) -> None:
    """Only what is a common password as a whole is refused."""
    assert code(password) is None


@pytest.mark.parametrize(
    "password",
    [
        "ada.lovelace",
        "Lovelace-1815!!",
        "L0vel4ce, A. King",
        "L0vel4ce-wheel",
        "adalovelace+news",
        "i am lovelace",
        "analytical1843",
        "AnalyticalEngines",
        "Larch2026Larch",
        "larch lovelace larch",
    ],
)
def test_s06_what_is_made_of_name_address_or_product_is_refused(password: str) -> None:
    """With capitals, signs and digits, with digits for letters, with fewer than eight characters besides."""
    assert "too_personal" == code(password, ADA)


@pytest.mark.parametrize(
    "password",
    ["lovelace had an engine", "larches lose their needles", "ada ada king ada king", "example 27 cows"],
)
def test_s06_a_sentence_may_hold_such_a_word(password: str) -> None:
    """Eight characters of one's own are enough, words under four characters and the top-level domain do not count."""
    assert code(password, ADA) is None


def test_s06_without_a_name_the_address_still_counts() -> None:
    """Nobody has to give a name; what is no address is a word as well."""
    assert ("too_personal", "too_personal") == (
        code("lovelace1815", ("lovelace@post.example", None)),
        code("lovelace1815", ("lovelace", None)),
    )


def test_s11_nothing_knows_how_old_a_password_is_or_a_hint_for_it() -> None:
    """No setting and no column makes a password end, keeps a former one, or asks a question instead."""
    settings = {setting.name for setting in SETTINGS if "password" in setting.name}
    columns = {column.name for table in metadata.tables.values() for column in table.columns}
    assert {"password_min_length", "password_min_score"} == settings
    assert {"password_hash"} == {name for name in columns if re.search("password|hint|question|answer_to", name)}
    assert not [name for name in {setting.name for setting in SETTINGS} if re.search("hint|question|rotation", name)]


def test_a_least_score_refuses_what_zxcvbn_finds_easy() -> None:
    """The same password passes where no estimate is asked for; the reason has a code of its own."""
    pytest.importorskip("zxcvbn_rs_py", reason="the extra zxcvbn is not installed")
    strict = PasswordPolicy(12, "Larch", 4)
    assert (None, "too_guessable", None) == (
        code("januaryfebruary"),
        code("januaryfebruary", policy=strict),
        code("sandpiper quartz ladle", policy=strict),
    )


def test_an_estimate_reads_a_hundred_characters_and_knows_the_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies behind them would only cost; what is known about the person is known to whoever guesses."""
    (tmp_path / "an_estimator.py").write_text(
        "class Entropy:\n    score = 4\n\nseen = []\n\n"
        "def zxcvbn(password, words):\n    seen.append((password, words))\n    return Entropy()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(password_policy, "_ESTIMATOR", "an_estimator")
    long = "sandpiper quartz ladle tundra " * 34
    assert code(long, (None, "Ada Lovelace"), PasswordPolicy(12, "Larch", 4)) is None
    seen = importlib.import_module("an_estimator").seen
    assert [(long[:100], ["adalovelace", "lovelace", "larch"])] == seen


def test_a_least_score_without_zxcvbn_refuses_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal names the setting and the way out; without a least score nothing needs the package."""
    monkeypatch.setattr(password_policy, "_ESTIMATOR", "no_such_estimator")
    with pytest.raises(SettingsError, match=r'PASSWORD_MIN_SCORE is 3.*pip install "gatepost\[zxcvbn\]"'):
        PasswordPolicy(12, "Larch", 3)
    assert PasswordPolicy(12, "Larch", 0).problem("sandpiper quartz ladle") is None
