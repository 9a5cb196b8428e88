"""Language tags: which of the languages we have is nearest to the one asked for. Pure; it knows tags and no words."""

from collections.abc import Collection, Iterator

MAX_TAG_CHARACTERS = 35  # RFC 5646, 4.4.1: the longest tag everybody is asked to handle

# Chinese is the one language whose readers in one region may not read what is written for another, while most tags
# leave the script out (Unicode: likely subtags). Everywhere else it is simplified.
_TRADITIONAL_REGIONS = frozenset({"tw", "hk", "mo"})

_Subtags = tuple[str, ...]


def nearest(tag: str, available: Collection[str]) -> str | None:
    """Choose the language nearest to `tag` (RFC 5646; "_" counts as "-"), in the spelling of `available`.

    First the tag itself, then the tag without its last parts (RFC 4647, 3.4: "de-AT" → "de"), then any variety of the
    same language ("zh", "zh-Hans" and "zh-SG" → "zh-CN"); never one in another script: whoever asks for "zh-TW" or
    "zh-Hant" is not given "zh-CN".

    Returns:
        None when there is no such language; also for "", "*" and what is no tag.
    """
    if not tag.isascii():
        return None
    asked = _subtags(tag)
    alike = {
        subtags: language
        for subtags, language in sorted((_subtags(one), one) for one in available)
        if subtags[0] == asked[0] and _same_script(subtags, asked)
    }
    for length in range(len(asked), 0, -1):
        if (found := alike.get(asked[:length])) is not None:
            return found
    regions = set(asked[1:]) - {_script(asked)}
    closest = max(alike, key=lambda subtags: not regions.isdisjoint(subtags), default=None)
    return None if closest is None else alike[closest]


def _subtags(tag: str) -> _Subtags:
    return tuple(tag[:MAX_TAG_CHARACTERS].lower().replace("_", "-").split("-"))


def _same_script(one: _Subtags, other: _Subtags) -> bool:
    """Say whether two tags of one language mean the same script; a tag that says nothing of it means any."""
    scripts = {_script(one), _script(other)} - {None}
    return len(scripts) < 2


def _script(subtags: _Subtags) -> str | None:
    language, *own = _before_extensions(subtags)
    for subtag in own:
        if len(subtag) == 4 and subtag.isalpha():
            return subtag
    if language != "zh":
        return None
    return "hans" if _TRADITIONAL_REGIONS.isdisjoint(own) else "hant"


def _before_extensions(subtags: _Subtags) -> Iterator[str]:
    yield subtags[0]
    for subtag in subtags[1:]:
        if len(subtag) == 1:  # what follows a singleton ("x", "u") names no script and no region
            return
        yield subtag
