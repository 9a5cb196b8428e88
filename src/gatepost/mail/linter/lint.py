"""The linter: what is wrong with templates, found by composing samples of each message and looking at what comes out.

Pure: the folders were read when the templates were made, and nothing is fetched or resolved.
"""

import difflib
from collections.abc import Iterable
from dataclasses import replace

from gatepost.errors import N_, GatepostError
from gatepost.mail.compose import Composer
from gatepost.mail.linter.finding import MESSAGE, Finding, Findings, Severity, error, warning
from gatepost.mail.linter.rules_message import (
    check_gaps,
    check_header,
    check_leftovers,
    check_size,
    check_subject,
    check_text,
)
from gatepost.mail.linter.rules_page import check_contrast, check_elements, check_head, check_links
from gatepost.mail.preview import Preview, preview
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
    shown: dict[str, Preview] = {}
    found = _Found()
    for name in SAMPLES:
        try:
            shown[name] = preview(templates, composer, message, language, name)
        except GatepostError as problem:
            found.add([_not_composed(problem)], name)
            continue
        found.add(_look(shown[name], language, composer.public_url), name)
    if BARE in shown and COMPLETE in shown:
        found.add(check_gaps(shown[BARE], shown[COMPLETE]), BARE)
    # Values choose what is shown, and no colour: two samples show all there is.
    found.add(check_contrast([shown[name].html for name in (COMPLETE, BARE) if name in shown]))
    found.add(_look_at_values(templates, message, language))
    placed = [replace(one, message=message, language=language, samples=tuple(names)) for one, names in found.all()]
    order = tuple(Severity)
    return sorted(placed, key=lambda one: (order.index(one.severity), one.file, one.rule, one.detail))


class _Found:
    """Findings with the samples that show them.

    One that differs from an earlier sample's by its values alone is the same: a longer name makes no other mistake.
    """

    def __init__(self) -> None:
        self._found: dict[Finding, list[str]] = {}

    def add(self, findings: Iterable[Finding], sample: str | None = None) -> None:
        """Add what one sample shows; None: it does not depend on values."""
        shown = list(dict.fromkeys(findings))
        free = [one for one in self._found if one not in shown]
        for one in shown:
            known = one if one in self._found else next((other for other in free if _alike(one, other)), one)
            if known in free:
                free.remove(known)
            self._found.setdefault(known, []).extend([sample] if sample else [])

    def all(self) -> Iterable[tuple[Finding, list[str]]]:
        """Every finding with its samples."""
        return self._found.items()


def _alike(one: Finding, other: Finding) -> bool:
    return (one.rule, one.file, one.text) == (other.rule, other.file, other.text)


def _look(shown: Preview, language: str, public_url: str) -> Findings:
    yield from check_header(shown)
    yield from check_size(shown)
    yield from check_subject(shown)
    yield from check_text(shown)
    yield from check_leftovers(shown)
    yield from check_elements(shown)
    yield from check_head(shown, language)
    yield from check_links(shown, public_url)


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
