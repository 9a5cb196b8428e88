"""Every page in every state there is, reached in a real browser: for pictures, and for whoever looks at all of them.

`./run pictures FOLDER` writes a picture of each.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Error, Page, sync_playwright

from gatepost.operators.role import Role
from tests.browser.admin_house import lived_in
from tests.browser.admin_pages import every_page
from tests.browser.house import House
from tests.browser.operate_pictures import write_operate
from tests.browser.readme_pictures import write_all
from tests.browser.states import account, strangers, workshop
from tests.browser.visit import Reach, Visit
from tests.support.chromium import TIMEOUT_MS, chromium, launch
from tests.support.crawl import shape

# In the order of a person's life with a product.
STATES: dict[str, Reach] = {**dict(strangers.states), **dict(account.states), **dict(workshop.states)}
HEIGHT = 800


def walk(
    context: BrowserContext, house: House, only: str = "", but: tuple[str, ...] = ()
) -> Iterator[tuple[str, Page]]:
    """Reach one state after the other in one window, each from nothing; yields its name and the window.

    Args:
        context: whose language, width, colours and scripts the window has.
        house: where.
        only: pass over every state without this in its name.
        but: pass over every state whose name begins with one of these.
    """
    page = context.new_page()
    for name, go in STATES.items():
        if only in name and not name.startswith(but):
            context.clear_cookies()
            go(Visit(page, house))
            yield name, page
    page.close()


def reach(name: str, context: BrowserContext, house: House) -> Page:
    """Reach one state in a window of its own."""
    context.clear_cookies()
    page = context.new_page()
    STATES[name](Visit(page, house))
    return page


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures that were asked for."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.folder is None and not (options.readme or options.operate):
        parser.error("name the FOLDER they are written to")
    path = chromium()
    if path is None:
        sys.stderr.write("pictures: no Chromium on this machine: install it or set CHROMIUM to one\n")
        return 1
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch(playwright, path)
        if options.operate or options.operators:
            return _take_operators_pictures(browser, Path(folder), options)
        house = House(Path(folder))
        try:
            if options.readme:
                sys.stdout.writelines(f"{written}\n" for written in write_all(browser, house))
                return 0
            return _take_pictures(_context(browser, options), house, options.folder, options.only)
        finally:
            house.close()


def _context(browser: Browser, options: argparse.Namespace) -> BrowserContext:
    context = browser.new_context(
        locale=options.language,
        color_scheme="dark" if options.dark else "light",
        viewport={"width": options.width, "height": HEIGHT},
        java_script_enabled=not options.no_scripts,
        reduced_motion="reduce",
    )
    context.set_default_timeout(TIMEOUT_MS)
    return context


def _take_operators_pictures(browser: Browser, folder: Path, options: argparse.Namespace) -> int:
    with lived_in(folder) as house:
        if options.operate:
            sys.stdout.writelines(f"{written}\n" for written in write_operate(browser, house))
            return 0
        context = _context(browser, options)
        context.add_cookies([house.cookie(Role.OWNER)])
        page = context.new_page()
        for number, path in enumerate(every_page(house)):
            name = re.sub(r"[^a-z]+", "-", shape(path)).strip("-")
            if options.only in name:
                page.goto(house.url + path)
                page.screenshot(path=options.folder / f"{number:02}-{name}.png", full_page=True)
                sys.stdout.write(f"{options.folder / f'{number:02}-{name}.png'}\n")
    return 0


def _take_pictures(context: BrowserContext, house: House, folder: Path, only: str) -> int:
    missing = 0
    for name in (name for name in STATES if only in name):
        try:
            page = reach(name, context, house)
        except (AssertionError, Error) as error:  # who changes a page wants the pictures of the others all the same
            missing += 1
            sys.stderr.write(f"{name}: not reached: {error}\n")
            continue
        page.screenshot(path=folder / f"{name}.png", full_page=True)
        page.close()
        sys.stdout.write(f"{folder / name}.png\n")
        sys.stdout.flush()
    return 1 if missing else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run pictures", description="Write a picture of every page in every state there is."
    )
    parser.add_argument("folder", type=Path, nargs="?", help="where they are written; made when it is not there")
    parser.add_argument("--readme", action="store_true", help="only those of the README, each to its place")
    parser.add_argument(
        "--operate", action="store_true", help="only those of docs/tutorial/operate.md, each to its place"
    )
    parser.add_argument("--operators", action="store_true", help="the operators' pages instead of those for people")
    parser.add_argument("--only", default="", metavar="TEXT", help="only states with this in their name")
    parser.add_argument("--dark", action="store_true", help="as in a dark colour scheme")
    parser.add_argument("--width", type=int, default=1280, metavar="PIXELS", help="of the window; a phone has 390")
    parser.add_argument("--language", default="en-US", metavar="TAG", help="what the browser prefers, such as zh-CN")
    parser.add_argument("--no-scripts", action="store_true", help="as in a browser that runs none")
    return parser


if __name__ == "__main__":
    sys.exit(main())
