"""The Chromium of this machine: where it is, how it is started, and what it complains about."""

import os
import re
import shutil

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright

# Root may only run it without its sandbox; the rest keeps it from looking for its maker's servers.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
TIMEOUT_MS = 15_000
# Chromium reports a page or fetch that was answered with 4xx or 503 as an error of the console; nothing is wrong then.
_STATUS = re.compile(r"Failed to load resource: the server responded with a status of (\d{3})\b")


def chromium() -> str | None:
    """The path of a browser, None where there is none."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    return next((path for name in names if name and (path := shutil.which(name))), None)


def launch(playwright: Playwright, path: str) -> Browser:
    """Start the browser, headless."""
    return playwright.chromium.launch(executable_path=path, args=ARGUMENTS)


def watch(page: Page, problems: list[str], *, statuses: frozenset[int] = frozenset()) -> None:
    """Note every warning, error and failed request of a page.

    Args:
        page: to be watched from now on.
        problems: where they are noted.
        statuses: which statuses an answer may have although Chromium reports them.
    """

    def on_console(message: ConsoleMessage) -> None:
        reported = _STATUS.search(message.text)
        if message.type in ("error", "warning") and not (reported and int(reported[1]) in statuses):
            problems.append(f"console: {message.text}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: problems.append(f"script: {error}"))
    page.on(
        "response",
        lambda answer: (
            problems.append(f"{answer.status} {answer.url}")
            if answer.status >= 500 and answer.status not in statuses
            else None
        ),
    )
