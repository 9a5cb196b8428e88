"""Each of our mails tells what it is about, for which address, when, roughly from where, and what if it was not you."""

import pytest

from tests.unit.mail.test_templates import LANGUAGES, MESSAGES, TEMPLATES, VALUES

NOT_YOU = {"en": "not you", "zh-CN": "不是您本人"}
FROM = {"en": "network", "zh-CN": "网络"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("message", MESSAGES)
def test_s67_a_mail_says_for_whom_when_from_where_and_what_if_it_was_not_you(message: str, language: str) -> None:
    """In its text and on its page, and the product in the subject."""
    mail = TEMPLATES.render(message, language, VALUES)
    assert VALUES["product_name"] in mail.subject
    for part in (mail.text, mail.html):
        missing = {name for name in ("email", "when", "where") if VALUES[name] not in part}
        assert (set(), True) == (missing, NOT_YOU[language] in part.lower())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("message", MESSAGES)
def test_a_mail_from_nobody_knows_where_says_nothing_of_it(message: str, language: str) -> None:
    """No half of a sentence is left where a caller inside the product asked."""
    mail = TEMPLATES.render(message, language, {**VALUES, "where": "", "when": ""})
    assert [False, False] == [FROM[language] in part.lower() for part in (mail.text, mail.html)]
