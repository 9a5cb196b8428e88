"""The linter: what is wrong with templates, found by composing samples of each message and looking at what comes out.

Pure: the folders were read when the templates were made, and nothing is fetched or resolved.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from gatepost.errors import N_, GatepostError
from gatepost.mail.compose import Composer
from gatepost.mail.finding import MESSAGE, Finding, Findings, Severity, error, warning
from gatepost.mail.preview import Preview, preview
from gatepost.mail.rules_message import (
    check_gaps,
    check_header,
    check_leftovers,
    check_size,
    check_subject,
    check_text,
)
from gatepost.mail.rules_page import check_contrast, check_elements, check_head, check_links
from gatepost.mail.samples import BARE, COMPLETE, SAMPLES
from gatepost.mail.template import COMMON, LINK
from gatepost.mail.templates import Templates

# How alike two words are when one is most likely a slip of the other, and from how many letters on: `mail` and `names`
# are words of their own.
_ALIKE, _ALIKE_FROM = 0.85, 6


def lint(templates: Templates, composer: Composer) -> list[Finding]:
    """Look at every message in every language with every sample.

    Args:
        templates: what the messages say.
        composer: of the sender they go out from; its templates do not matter.

    Returns:
        Findings, by message and language, errors first; each once, with the samples that show it.
    """
    return [
        finding
        for message in templates.names
        for language in templates.languages(message)
        for finding in lint_one(templates, composer, message, language)
    ]


def lint_one(templates: Templates, composer: Composer, message: str, language: str) -> list[Finding]:
    """Look at one message in one language, as `lint` does.

    Raises:
        TemplateError: there is no such message.
    """
    found: dict[Finding, list[str]] = defaultdict(list)
    shown: dict[str, Preview] = {}
    for name in SAMPLES:
        try:
            shown[name] = preview(templates, composer, message, language, name)
        except GatepostError as problem:
            found[_not_composed(problem)].append(name)
            continue
        for finding in _look(shown[name], language, composer.public_url):
            found[finding].append(name)
    if BARE in shown and COMPLETE in shown:
        for finding in check_gaps(shown[BARE], shown[COMPLETE]):
            found[finding].append(BARE)
    for finding in _look_at_values(templates, message, language):
        found[finding] = []
    placed = (replace(one, message=message, language=language, samples=tuple(names)) for one, names in found.items())
    return _sorted(placed)


def _look(shown: Preview, language: str, public_url: str) -> Findings:
    yield from check_header(shown)
    yield from check_size(shown)
    yield from check_subject(shown)
    yield from check_text(shown)
    yield from check_leftovers(shown)
    yield from check_elements(shown)
    yield from check_head(shown, language)
    yield from check_links(shown, public_url)
    if shown.sample.name in (COMPLETE, BARE):  # values choose what is shown, and no colour
        yield from check_contrast(shown)


def _look_at_values(templates: Templates, message: str, language: str) -> Findings:
    """A value of the product's own is meant, and every language says it."""
    own, used = templates.own_values(message), templates.used_in(message)
    for value in sorted(own & used[language]):
        for meant in (one for one in sorted(COMMON | {LINK}) if _is_slip(value, one)):
            yield warning(
                "value_misspelt",
                MESSAGE,
                N_("%(value)s is a value your code has to give. If %(meant)s was meant, correct it."),
                value=value,
                meant=meant,
            )
    for value in sorted(own - used[language]):
        others = ", ".join(tag for tag, values in used.items() if value in values)
        yield warning(
            "value_left_out",
            MESSAGE,
            N_("%(value)s is said in %(others)s, and not here. Say it here too, or nowhere."),
            value=value,
            others=others,
        )


def _is_slip(value: str, meant: str) -> bool:
    if sorted(value) == sorted(meant):
        return True
    return len(value) >= _ALIKE_FROM and difflib.SequenceMatcher(None, value, meant).ratio() >= _ALIKE


def _not_composed(problem: GatepostError) -> Finding:
    return error(
        "not_composed", MESSAGE, N_("The message cannot be made: %(problem)s"), problem=" ".join(str(problem).split())
    )


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    order: Sequence[Severity] = tuple(Severity)
    return sorted(findings, key=lambda one: (order.index(one.severity), one.file, one.rule, one.detail))
