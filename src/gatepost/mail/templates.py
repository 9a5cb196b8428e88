"""Templates: what each message says in each language. Compiled, checked and inlined once, when they are loaded.

A folder of templates holds layout.html, layout.txt and, for each message and language,
`<message>/<language>/{subject.txt,body.txt,body.html}`. A product may have a folder of its own beside ours: with
further messages, with further languages or other words for our messages, and with a layout for all of them.
"""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatepost.accent import DEFAULT, Accent
from gatepost.errors import TemplateError, TemplateUnknown
from gatepost.languages import nearest
from gatepost.mail.draft import Draft
from gatepost.mail.layout import Layouts
from gatepost.mail.template import COMMON, LINK, Encoded, Rendered, Template, load_template, read_layouts
from gatepost.mail.values import is_web_address, value_problem

PACKAGED = Path(__file__).resolve().parents[1] / "templates"
FALLBACK_LANGUAGE = "en"

# A message's name stands in List-Id, in log lines and in the arguments of commands.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")
_LANGUAGE_TAG = re.compile(r"(?=.{2,35}\Z)[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")

# Values of ours that a draft may give; all others are made when the mail goes out.
_GIVEN = frozenset({"name", "when", "where"})


@dataclass(frozen=True)
class _Message:
    """One message: its languages, by their tags in lower case."""

    languages: Mapping[str, Template]

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self.languages)

    @property
    def has_link(self) -> bool:
        return LINK in self.languages[FALLBACK_LANGUAGE].uses

    @functools.cached_property
    def own(self) -> frozenset[str]:
        """The values beyond ours that its templates use, in any language."""
        return frozenset().union(*(one.uses for one in self.languages.values())) - COMMON - {LINK}

    @functools.cached_property
    def leads(self) -> frozenset[str]:
        """Those of them that are where a link leads."""
        return frozenset().union(*(one.leads for one in self.languages.values())) & self.own


class Templates:
    """The messages there are, ready to render.

    Args:
        folder: where ours are; the ones in the package unless told.
        own: a product's folder beside it, laid out alike. A message that is not ours needs English, and may use any
            values: a draft for it brings them (see `check`). A message of ours gets the languages that are there, added
            or instead of our words, with the values it has from us. Layouts that are there stand around all messages.
        accent: the product's colours, where a layout has marks for them.

    Raises:
        TemplateError: a file is missing, does not compile, or uses a value that its message does not have; names the
            file and the way out.
    """

    def __init__(self, folder: Path = PACKAGED, *, own: Path | None = None, accent: Accent = DEFAULT) -> None:
        self._made_of = (folder, own, accent)
        layouts = read_layouts(folder, accent)
        if own is not None:
            _check_folder(own)
            layouts = read_layouts(own, accent, instead_of=layouts)
        messages = {path.name: _load_ours(path, layouts) for path in _folders(folder)}
        if own is not None:
            messages |= {path.name: _load_own(path, layouts, messages.get(path.name)) for path in _folders(own)}
        if not messages:
            raise TemplateError(f"{folder} holds no templates: one folder for each message is expected.")
        self._messages = dict(sorted(messages.items()))

    def read_again(self) -> "Templates":
        """Read the same folders as they are now; raises as at the first time."""
        folder, own, accent = self._made_of
        return Templates(folder, own=own, accent=accent)

    @property
    def names(self) -> tuple[str, ...]:
        """The messages there are, in alphabetical order."""
        return tuple(self._messages)

    def languages(self, name: str) -> tuple[str, ...]:
        """The languages message `name` is written in, in alphabetical order."""
        return tuple(template.language for template in self._message(name).languages.values())

    def own_values(self, name: str) -> frozenset[str]:
        """The values that a draft for message `name` must bring, beyond ours."""
        return self._message(name).own

    def leads(self, name: str) -> frozenset[str]:
        """Those of them that are where a link leads: absolute URLs, or empty."""
        return self._message(name).leads

    def used_in(self, name: str) -> Mapping[str, frozenset[str]]:
        """The values that message `name` uses, by language."""
        return {one.language: one.uses for one in self._message(name).languages.values()}

    def asked_for(self, name: str) -> frozenset[str]:
        """The values that stand in a condition, in any language: they may be empty."""
        return frozenset().union(*(one.asks_for for one in self._message(name).languages.values()))

    def has_link(self, name: str) -> bool:
        """Whether message `name` carries a link with a token."""
        return self._message(name).has_link

    @property
    def own_folder(self) -> Path | None:
        """The product's folder; None where there is none."""
        return self._made_of[1]

    def render(self, name: str, locale: str, values: Mapping[str, str]) -> Rendered:
        """Fill the templates of message `name` in the language nearest to `locale`, else in English.

        Raises:
            TemplateError: there is no such message, or a template uses a value that is not given.
        """
        return self._chosen(name, locale).render(values)

    def encode(self, name: str, locale: str, values: Mapping[str, str]) -> Encoded:
        """Fill them as `render` does, for a message; raises as it does."""
        return self._chosen(name, locale).encode(values)

    def check(self, draft: Draft) -> None:
        """Prove, before `draft` is stored, that its message can be made of it in every language there is.

        For drafts that come from a product: it is told of its mistake in the call that makes it. Found later, by the
        worker, the mistake could only hold the message. Recipient and key are not looked at.

        Raises:
            TemplateError: there is no such message; a value it needs is missing, unknown to it, or cannot be stored
                and printed; it carries a link that only Gatepost makes; or the locale is no language tag.
        """
        message = self._message(draft.template)
        if message.has_link and draft.token_id is None:
            raise TemplateError(
                f"{draft.template} carries a link with a token: only Gatepost's own flows can promise it."
            )
        if missing := message.own - draft.values.keys():
            raise TemplateError(f"A draft for {draft.template} must give {_listed(missing)}, if only as an empty text.")
        if unknown := draft.values.keys() - message.own - _GIVEN:
            known = _listed(message.own | _GIVEN)
            raise TemplateError(f"{draft.template} has no place for {_listed(unknown)}. It takes {known}.")
        for name, value in draft.values.items():
            if (problem := value_problem(value)) is not None:
                raise TemplateError(f"The value {name} of a draft for {draft.template} {problem}.")
            if name in message.leads and value and not is_web_address(value):
                raise TemplateError(
                    f"The value {name} of a draft for {draft.template} is where a link leads: give an absolute URL."
                )
        if not _LANGUAGE_TAG.fullmatch(draft.locale):
            raise TemplateError(
                f'The locale of a draft for {draft.template} is no language tag such as "en" or "zh-CN".'
            )

    def _chosen(self, name: str, locale: str) -> Template:
        message = self._message(name)
        return message.languages[_nearest(locale, message.tags)]

    def _message(self, name: str) -> _Message:
        try:
            return self._messages[name]
        except KeyError:
            raise TemplateUnknown(f"There is no template {name!r}. There are: {', '.join(self.names)}.") from None


def _check_folder(own: Path) -> None:
    """A folder that is not there, or not mounted, is told before somebody gets a mail with other words."""
    if not own.is_dir():
        raise TemplateError(f"{own} is no folder. GATEPOST_TEMPLATES names one that holds a folder for each message.")
    if not _folders(own) and not list(own.glob("layout.*")):
        raise TemplateError(f"{own} is empty. GATEPOST_TEMPLATES names a folder that holds a folder for each message.")


def _load_ours(folder: Path, layouts: Layouts) -> _Message:
    languages = {path.name.lower(): load_template(path, layouts, COMMON | {LINK}) for path in _folders(folder)}
    return _message_of(folder, languages)


def _load_own(folder: Path, layouts: Layouts, ours: _Message | None) -> _Message:
    """Load a product's message: one of its own, or languages and other words for one of ours."""
    if not _NAME.fullmatch(folder.name):
        raise TemplateError(
            f"{folder} names no message. Use small letters, digits and _, at most 50 and a letter first: order_shipped."
        )
    known = None if ours is None else COMMON | ({LINK} if ours.has_link else set())
    languages = dict(ours.languages) if ours is not None else {}
    for path in _folders(folder):
        if not _LANGUAGE_TAG.fullmatch(path.name):
            raise TemplateError(f"{path} names no language. Use its tag, such as en, de or pt-BR.")
        languages[path.name.lower()] = template = load_template(path, layouts, known)
        _check_link(path, template, needed=ours is not None and ours.has_link)
    return _message_of(folder, languages)


def _check_link(folder: Path, template: Template, *, needed: bool) -> None:
    """A message with a token is nothing without its link, and there is none to fill in without a token."""
    for name, file in (("body.txt", template.text), ("body.html", template.html)):
        if needed and LINK not in file.uses:
            raise TemplateError(f"{folder / name} does not use {LINK}, which is what this message is for.")
    if not needed and LINK in template.uses:
        raise TemplateError(
            f"{folder} uses {LINK}, which only messages of ours with a token have."
            " Give the address of your page as a value with a name of its own."
        )


def _message_of(folder: Path, languages: Mapping[str, Template]) -> _Message:
    if FALLBACK_LANGUAGE not in languages:
        raise TemplateError(f"{folder / FALLBACK_LANGUAGE} is missing: every message needs its English templates.")
    return _Message(dict(sorted(languages.items())))


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


@functools.lru_cache(maxsize=1024)  # asked for every message, and mostly for the same few
def _nearest(locale: str, tags: tuple[str, ...]) -> str:
    return nearest(locale, tags) or FALLBACK_LANGUAGE
