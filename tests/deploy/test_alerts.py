"""deploy/alerts.yaml: its expressions ask for metrics there are, and each alarm says what to do."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gatepost.observe.metrics import Metrics
from tests.docs.pages import ROOT, anchors

RULES = ROOT / "deploy" / "alerts.yaml"
PAGE = "docs/how-to/watch-it.md"
ALERTS: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
]
NAMES = [rule["alert"] for rule in ALERTS]
# What a scrape adds by itself.
OF_EVERY_SERIES = {"instance", "job"}


def exposed() -> dict[str, set[str]]:
    """Every name that can be asked for, with its labels."""
    found: dict[str, set[str]] = {}
    for one in vars(Metrics()).values():
        if not hasattr(one, "_labelnames"):
            continue
        labels = set(one._labelnames)
        match one._type:
            case "counter":
                found[f"{one._name}_total"] = labels
            case "histogram":
                found |= {f"{one._name}_bucket": labels | {"le"}}
                found |= {f"{one._name}_{part}": labels for part in ("count", "sum")}
            case _:
                found[one._name] = labels
    return found


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_an_expression_asks_only_for_metrics_and_labels_there_are(rule: dict[str, Any]) -> None:
    """A misspelled name is no error of Prometheus: the alarm would stay silent for ever."""
    names, expr = exposed(), rule["expr"]
    asked = re.findall(r"\b(gatepost_\w+)(?:\{([^}]*)\})?", expr)
    assert asked
    for name, matchers in asked:
        assert name in names, name
        for label in re.findall(r"(\w+)\s*[=!]~?", re.sub(r'"[^"]*"', "", matchers)):
            assert label in names[name] | OF_EVERY_SERIES, f"{name}{{{label}}}"
    grouped = {label.strip() for labels in re.findall(r"\bby \(([^)]*)\)", expr) for label in labels.split(",")}
    assert grouped <= OF_EVERY_SERIES.union(*(names[name] for name, _ in asked))


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_an_alarm_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    """Its runbook is a heading of the page about watching."""
    file, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert file == PAGE
    assert anchor in anchors((ROOT / PAGE).read_text())
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"].endswith(".")


def test_the_page_about_watching_names_every_alarm() -> None:
    """And no other one; each alarm has a name of its own."""
    assert sorted(set(NAMES)) == sorted(NAMES)
    assert set(NAMES) == set(re.findall(r"`(Gatepost[A-Z]\w+)`", (ROOT / PAGE).read_text()))


def test_the_values_of_labels_are_ones_that_are_counted() -> None:
    """States and outcomes in the expressions stand in the reference page of the metrics."""
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text() + (ROOT / "docs/reference/states.md").read_text()
    for rule in ALERTS:
        for label, values in re.findall(r'\b(state|outcome|reason)=~?"([^"]+)"', rule["expr"]):
            for value in values.split("|"):
                assert f"`{value}`" in page, (rule["alert"], label, value)


def test_alarms_are_raised_when_they_should_be(tmp_path: Path) -> None:
    """Series of a minute each, judged by Prometheus' own tool."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed here (Debian: prometheus); the expressions are only read above")
    told = (Path(__file__).parent / "alerts.test.yaml").read_text().replace("ALERTS", str(RULES))
    (tmp_path / "alerts.test.yaml").write_text(told)
    ended = subprocess.run(
        [promtool, "test", "rules", str(tmp_path / "alerts.test.yaml")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
