"""`gatepost templates`: what the mails say, what is wrong with them, and how each looks with made-up values."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from gatepost.cli import text
from gatepost.cli.leaving import FAILED
from gatepost.cli.progress import progress
from gatepost.errors import TemplateUnknown
from gatepost.languages import nearest
from gatepost.mail.compose import Composer
from gatepost.mail.linter.finding import Finding, Severity
from gatepost.mail.linter.lint import lint_one
from gatepost.mail.preview import preview
from gatepost.mail.samples import COMPLETE, SAMPLES
from gatepost.mail.templates import Templates
from gatepost.parts import build_composer, build_templates
from gatepost.settings import Settings

templates_cli = typer.Typer(
    no_args_is_help=True, help="Look at what the mails say, and at what is wrong with them. Nothing is sent."
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SampleName = StrEnum("SampleName", {name: name for name in SAMPLES})  # type: ignore[misc]


@templates_cli.command("list")
def list_templates(as_json: Json = False) -> None:
    """List every message in every language it is written in, with its subject."""
    templates, composer = _read()
    rows = [
        {"template": name, "locale": locale, "subject": preview(templates, composer, name, locale, COMPLETE).subject}
        for name, locale in _every(templates)
    ]
    if as_json:
        text.as_json({"templates": rows})
    else:
        text.columns(("template", "locale", "subject"), [tuple(row.values()) for row in rows])


@templates_cli.command("lint")
def lint_templates(
    name: Annotated[str | None, typer.Argument(help="Only this message; every one when it is not given.")] = None,
    as_json: Json = False,
) -> None:
    """Look for what is wrong, in every language and with every sample; the exit code is 1 where something is."""
    templates, composer = _read()
    if name is not None:
        _refuse_unknown(templates, name)
    chosen = [one for one in _every(templates) if name in (None, one[0])]
    found: list[Finding] = []
    with progress("looking at the templates") as show:
        for number, (message, locale) in enumerate(chosen):
            show(number / len(chosen))
            found += lint_one(templates, composer, message, locale)
    if as_json:
        text.as_json({"looked_at": len(chosen), "findings": [_plain(one) for one in found]})
    else:
        _say(found, len(chosen))
    if found:
        raise typer.Exit(FAILED)


@templates_cli.command("preview")
def preview_template(
    name: Annotated[str, typer.Argument(help="Which message, as `templates list` prints it.")],
    locale: Annotated[str, typer.Option(help="In this language, or the one nearest to it.")] = "en",
    sample: Annotated[SampleName, typer.Option(help="With these made-up values.")] = SampleName(COMPLETE),
    html: Annotated[bool, typer.Option("--html/--text", help="Print the page; the plain text otherwise.")] = False,
    source: Annotated[bool, typer.Option("--source", help="Print the whole message, header fields included.")] = False,
    as_json: Json = False,
) -> None:
    """Print one message as it would go out with made-up values."""
    templates, composer = _read()
    _refuse_unknown(templates, name)
    tags = templates.languages(name)
    shown = preview(templates, composer, name, nearest(locale, tags) or tags[0], str(sample))
    if as_json:
        headers = [{"name": header, "value": value} for header, value in shown.headers]
        text.as_json({"subject": shown.subject, "headers": headers, "text": shown.text, "html": shown.html})
    else:
        part = shown.source if source else shown.html if html else shown.text
        text.passage(part.replace("\r\n", "\n"))


def _say(found: Sequence[Finding], looked_at: int) -> None:
    for one in found:
        samples = f" ({', '.join(one.samples)})" if one.samples else ""
        print(text.printable(f"{one.severity} {one.place}: {one.detail} [{one.rule}]{samples}"))
    errors = sum(one.severity is Severity.ERROR for one in found)
    print(f"{looked_at} looked at: {errors} errors, {len(found) - errors} warnings")


def _plain(one: Finding) -> dict[str, Any]:
    return {
        "severity": str(one.severity),
        "rule": one.rule,
        "template": one.message,
        "locale": one.language,
        "file": one.file,
        "detail": one.detail,
        "samples": list(one.samples),
    }


def _every(templates: Templates) -> list[tuple[str, str]]:
    return [(name, locale) for name in templates.names for locale in templates.languages(name)]


def _refuse_unknown(templates: Templates, name: str) -> None:
    if name not in templates.names:
        raise TemplateUnknown(f"there is no template {name}; `gatepost templates list` lists them")


def _read() -> tuple[Templates, Composer]:
    settings = Settings.load()
    templates = build_templates(settings)
    return templates, build_composer(settings, templates)
