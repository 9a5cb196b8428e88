"""Writes a result as a markdown table and as a picture."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # before pyplot: no window is wanted

from matplotlib import pyplot

from benchmarks.figures import LABELS, Aim, Figure, Result, in_words

TOO_MUCH = 0.2  # cores of other work from which on clocks mislead
FOLDER = Path(__file__).parent / "results"


def publish(results: Mapping[str, Result], *, other_cores: float, quick: bool, keep: bool) -> str:
    """Return the table of one measure; where `keep`, write results/<name>.md and results/<name>.png too.

    Args:
        results: what it came to, by the column's name.
        other_cores: how many cores other work took meanwhile.
        quick: it was a run with small counts.
        keep: write the files.
    """
    text = table(results, other_cores=other_cores, quick=quick)
    if keep:
        name = _one(results).name
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.md").write_text(text)
        draw(results, FOLDER / f"{name}.png")
    return text


def table(results: Mapping[str, Result], *, other_cores: float, quick: bool) -> str:
    """Make the markdown: a row for each figure, a column for each database."""
    head = " | ".join(results)
    rule = "|".join("---:" for _ in results)
    figures = [{figure.what: figure for figure in result.figures} for result in results.values()]
    judged = [{(figure.what, str(aim)): (figure, aim) for figure, aim in result.judged} for result in results.values()]
    lines = [
        f"# {_one(results).title}",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {machine()} · other work took {other_cores:.1f} cores meanwhile"
        + (" · QUICK RUN: small counts, for trying the harness out" if quick else ""),
        *(["", "**The cores were shared: trust no figure by the clock too far.**"] if other_cores > TOO_MUCH else []),
        "",
        f"| measured: median (lowest – highest) | {head} | rounds |",
        f"|---|{rule}|---:|",
        *(_row([column[what] for column in figures]) for what in figures[0]),
        "",
        f"| judged: median (lowest – highest) | aim | {head} |",
        f"|---|---:|{rule}|",
        *(_judged([column[key] for column in judged]) for key in judged[0]),
        "",
        *(f"- {note}" for note in dict.fromkeys(note for result in results.values() for note in result.notes)),
    ]
    return "\n".join(lines).rstrip() + "\n"


def machine() -> str:
    """Name the machine without its address."""
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]}, Python "
        + (platform.python_version())
    )


def draw(results: Mapping[str, Result], path: Path) -> None:
    """Draw one panel for each unit, the figures as bars with whiskers from the lowest to the highest round.

    Others know nothing of our database: they are drawn once, as they were in the first column's run.
    """
    bars = [
        (f"{figure.what} · {column}" if _is_ours(figure.what) else figure.what, figure)
        for figures in zip(*(result.figures for result in results.values()), strict=True)
        for column, figure in zip(results, figures, strict=True)
        if _is_ours(figure.what) or column == next(iter(results))
    ]
    units = list(dict.fromkeys(figure.unit for _, figure in bars))
    figure, panels = pyplot.subplots(
        len(units), 1, figsize=(8, 0.9 + 0.3 * len(bars) + 0.6 * len(units)), squeeze=False, layout="constrained",
        height_ratios=[sum(one.unit == unit for _, one in bars) for unit in units],
    )  # fmt: skip
    for panel, unit in zip(panels[:, 0], units, strict=True):
        _bars(panel, [bar for bar in bars if bar[1].unit == unit], unit)
    figure.suptitle(_one(results).title, fontsize=11)
    figure.savefig(path, dpi=80, bbox_inches="tight")
    pyplot.close(figure)


def _bars(panel: pyplot.Axes, labelled: list[tuple[str, Figure]], unit: str) -> None:
    bars = [bar for _, bar in labelled]
    medians = [bar.median for bar in bars]
    spread = [[bar.median - bar.low for bar in bars], [bar.high - bar.median for bar in bars]]
    colours = [_colour(label) for label, _ in labelled]
    places = range(len(bars))
    panel.barh(places, medians, xerr=spread, color=colours, ecolor="#334155", capsize=3, height=0.6)
    panel.set_yticks(places, [label for label, _ in labelled], fontsize=8)
    panel.set_xlabel(unit, fontsize=8)
    panel.tick_params(axis="x", labelsize=8)
    if min(medians) > 0 and max(medians) / min(medians) > 50:
        panel.set_xscale("log")
    for place, bar in zip(places, bars, strict=True):
        panel.annotate(f" {in_words(bar.median)}", (bar.high, place), va="center", fontsize=8)
    panel.margins(x=0.15)
    panel.set_ylim(len(bars) - 0.4, -0.6)  # the first on top, and no more room than they need


def _colour(label: str) -> str:
    if not _is_ours(label):
        return "#9aa5b1"
    return "#2f6690" if label.endswith(LABELS["postgresql"]) else "#0b6e4f"


def _is_ours(label: str) -> bool:
    return label.startswith("Gatepost")


def _one(results: Mapping[str, Result]) -> Result:
    return next(iter(results.values()))


def _row(columns: Sequence[Figure]) -> str:
    cells = (f"{_value(one)} ({in_words(one.low)} – {in_words(one.high)})" for one in columns)
    return f"| {columns[0].what} | {' | '.join(cells)} | {columns[0].rounds} |"


def _judged(columns: Sequence[tuple[Figure, Aim | None]]) -> str:
    cells = (
        f"{_value(figure)} ({in_words(figure.low)} – {in_words(figure.high)})"
        + (f" **{aim.judge(figure)}**" if aim else "")
        for figure, aim in columns
    )
    figure, aim = columns[0]
    return f"| {figure.what} | {aim or '–'} | {' | '.join(cells)} |"


def _value(figure: Figure) -> str:
    return f"{in_words(figure.median)} {figure.unit}".rstrip()


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
