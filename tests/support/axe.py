"""axe-core on a page: what it finds to be in the way of people who see, hear or move otherwise.

It runs in a world of its own beside the page's scripts, put there through the debugging protocol: the policy of our
pages lets no text become a script, and so nothing of it is loosened for the check.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

# Every rule of these; what axe cannot decide by itself is no finding.
TAGS = (
    *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"),
    *("best-practice", "EN-301-549", "section508"),
)
_WORLD = "axe"
_ARRIVE = """
    for (const one of document.getAnimations())
        one.effect.getComputedTiming().endTime === Infinity ? one.cancel() : one.finish();
"""


@cache
def axe_source() -> str:
    """The script as its package carries it."""
    return (files("axe_playwright_python") / "axe.min.js").read_text()


def axe_version() -> str:
    """Such as `4.12.1`."""
    return axe_source().partition("axe v")[2].split()[0]


class Axe:
    """axe-core beside one page.

    Args:
        page: in Chromium; it may go to other addresses afterwards.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)

    def findings(self, *, rules: tuple[str, ...] = ()) -> list[str]:
        """What is wrong on the page as it stands now, a line for each element.

        Args:
            rules: only these; all rules of TAGS when empty.
        """
        frame = self._session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        world = self._session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": _WORLD})
        context = world["executionContextId"]
        if self._evaluate(context, "typeof axe === 'undefined'"):
            self._evaluate(context, axe_source())
        only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": list(TAGS)}
        options = {"runOnly": only, "resultTypes": ["violations"], "iframes": False}
        # What is fading from one colour to another is looked at when it has arrived.
        self._evaluate(context, _ARRIVE)
        found = self._evaluate(context, f"axe.run(document, {json.dumps(options)}).then(JSON.stringify)")
        return [
            f"{violation['id']}: {violation['help']}: {node['html'][:200]} ({_why(node)})"
            for violation in json.loads(found)["violations"]
            for node in violation["nodes"]
        ]

    def close(self) -> None:
        """Leave the page alone again."""
        self._session.detach()

    def _evaluate(self, context: int, expression: str) -> Any:
        answer = self._session.send(
            "Runtime.evaluate",
            {"expression": expression, "contextId": context, "awaitPromise": True, "returnByValue": False},
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")


def _why(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])
