"""Writes a result as a markdown table and as a picture."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # before pyplot: no window is wanted

from matplotlib import pyplot

from benchmarks.figures import Aim, Figure, Result, in_words

TOO_MUCH = 0.2  # cores of other work from which on clocks mislead
FOLDER = Path(__file__).parent / "results"


def publish(result: Result, *, other_cores: float, quick: bool) -> str:
    """Write results/<name>.md and results/<name>.png (not for a quick run) and return the table."""
    text = table(result, other_cores=other_cores, quick=quick)
    if not quick:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{result.name}.md").write_text(text)
        draw(result, FOLDER / f"{result.name}.png")
    return text


def table(result: Result, *, other_cores: float, quick: bool) -> str:
    """Make the markdown."""
    lines = [
        f"# {result.title}",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {machine()} · other work took {other_cores:.1f} cores meanwhile"
        + (" · QUICK RUN: small counts, for trying the harness out" if quick else ""),
        *(["", "**The cores were shared: trust no figure by the clock too far.**"] if other_cores > TOO_MUCH else []),
        "",
        "| measured | median | lowest – highest | rounds |",
        "|---|---:|---:|---:|",
        *(_row(figure) for figure in result.figures),
        "",
        "| judged | median | lowest – highest | aim | |",
        "|---|---:|---:|---:|---|",
        *(_judged(figure, aim) for figure, aim in result.judged),
        "",
        *(f"- {note}" for note in result.notes),
    ]
    return "\n".join(lines).rstrip() + "\n"


def machine() -> str:
    """Name the machine without its address."""
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]}, Python "
        + (platform.python_version())
    )


def draw(result: Result, path: Path) -> None:
    """Draw one panel for each unit, the figures as bars with whiskers from the lowest to the highest round."""
    units = list(dict.fromkeys(figure.unit for figure in result.figures))
    figure, panels = pyplot.subplots(
        len(units), 1, figsize=(8, 0.9 + 0.55 * len(result.figures) + 0.5 * len(units)), squeeze=False,
        height_ratios=[sum(one.unit == unit for one in result.figures) for unit in units],
    )  # fmt: skip
    for panel, unit in zip(panels[:, 0], units, strict=True):
        _bars(panel, [one for one in result.figures if one.unit == unit], unit)
    figure.suptitle(result.title, fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=80, bbox_inches="tight")
    pyplot.close(figure)


def _bars(panel: pyplot.Axes, bars: list[Figure], unit: str) -> None:
    medians = [bar.median for bar in bars]
    spread = [[bar.median - bar.low for bar in bars], [bar.high - bar.median for bar in bars]]
    colours = ["#0b6e4f" if bar.what.startswith("Gatepost") else "#9aa5b1" for bar in bars]
    places = range(len(bars))
    panel.barh(places, medians, xerr=spread, color=colours, ecolor="#334155", capsize=3, height=0.6)
    panel.set_yticks(places, [bar.what for bar in bars], fontsize=8)
    panel.invert_yaxis()
    panel.set_xlabel(unit, fontsize=8)
    panel.tick_params(axis="x", labelsize=8)
    if min(medians) > 0 and max(medians) / min(medians) > 50:
        panel.set_xscale("log")
    for place, bar in zip(places, bars, strict=True):
        panel.annotate(f" {in_words(bar.median)}", (bar.high, place), va="center", fontsize=8)
    panel.margins(x=0.15)


def _row(figure: Figure) -> str:
    return (
        f"| {figure.what} | {in_words(figure.median)} {figure.unit} |"
        f" {in_words(figure.low)} – {in_words(figure.high)} | {figure.rounds} |"
    )


def _judged(figure: Figure, aim: Aim | None) -> str:
    unit = f" {figure.unit}" if figure.unit else ""
    verdict = f"{aim} | **{aim.judge(figure)}**" if aim else "– |"
    return (
        f"| {figure.what} | {in_words(figure.median)}{unit} |"
        f" {in_words(figure.low)} – {in_words(figure.high)} | {verdict} |"
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
