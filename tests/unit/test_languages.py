"""Language tags: the nearest language we have, and never one in a script its reader may not read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.languages import nearest

OURS = ("en", "zh-CN")
MANY = ("de", "en", "en-GB", "pt-BR", "sr-Latn", "zh", "zh-Hant-HK", "zh-TW")


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("zh-CN", "zh-CN"),
        ("zh_cn", "zh-CN"),
        ("ZH-cn", "zh-CN"),
        ("zh-CN-x-private", "zh-CN"),
        ("zh", "zh-CN"),
        ("zh-Hans", "zh-CN"),
        ("zh-Hans-CN", "zh-CN"),
        ("zh-Hans-HK", "zh-CN"),
        ("zh-SG", "zh-CN"),
        ("zh-MY", "zh-CN"),
        ("zh-x-tw", "zh-CN"),
        ("zh-TW", None),
        ("zh-HK", None),
        ("zh-MO", None),
        ("zh-Hant", None),
        ("zh-Hant-CN", None),
        ("zh-hant-tw", None),
        ("en", "en"),
        ("en-GB", "en"),
        ("en-Latn-GB", "en"),
        ("en-US-u-hc-h12", "en"),
        ("de", None),
        ("zho", None),
        ("e", None),
        ("", None),
        ("*", None),
        ("-", None),
        ("-" * 10_000, None),
        ("../../en", None),
        ("en\x00", None),
        ("\uff45\uff4e", None),
    ],
)
def test_of_english_and_simplified_chinese_the_nearer_is_taken(tag: str, language: str | None) -> None:
    """Simplified Chinese is for whoever reads it, in whatever form it is asked for, and for nobody else."""
    assert language == nearest(tag, OURS)


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("de-AT", "de"),
        ("en-GB", "en-GB"),
        ("en-GB-oed", "en-GB"),
        ("en-AU", "en"),
        ("pt", "pt-BR"),
        ("pt-PT", "pt-BR"),
        ("sr", "sr-Latn"),
        ("sr-Latn-RS", "sr-Latn"),
        ("sr-Cyrl-RS", None),
        ("zh-CN", "zh"),
        ("zh-TW", "zh-TW"),
        ("zh-Hant-HK", "zh-Hant-HK"),
        ("zh-Hant", "zh-Hant-HK"),
        ("zh-MO", "zh-Hant-HK"),
        ("zh-Hant-TW", "zh-TW"),
        ("fr", None),
    ],
)
def test_of_many_languages_the_nearest_is_taken(tag: str, language: str | None) -> None:
    """The tag itself, else a shorter one, else another variety of the language in the same script."""
    assert language == nearest(tag, MANY)


def test_the_order_of_what_there_is_changes_nothing() -> None:
    """Two processes with the same languages choose alike."""
    assert "pt-BR" == nearest("pt", ["pt-PT", "pt-BR"]) == nearest("pt", ["pt-BR", "pt-PT"])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=60) | st.text("zhZHcnTW-_x*4", max_size=60))
def test_whatever_is_asked_for_gets_one_of_ours_or_none(tag: str) -> None:
    """No text raises, and nothing comes back that is not there."""
    assert nearest(tag, OURS) in {*OURS, None}
