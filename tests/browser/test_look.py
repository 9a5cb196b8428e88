"""Pages stay where they are while one types, suit fingers, and follow what a reader asked their system for."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.gallery import reach
from tests.browser.house import House
from tests.browser.visit import Visit
from tests.support.chromium import TIMEOUT_MS

FINGER_PX = 44
ROUNDING_PX = 0.5
# How high a link is with the room around it that belongs to it.
_ROOM = """one => {
  const room = getComputedStyle(one, "::after");
  return one.getBoundingClientRect().height - parseFloat(room.top) - parseFloat(room.bottom);
}"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Services that all tests of this file share."""
    built = House(tmp_path_factory.mktemp("look"))
    yield built
    built.close()


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Any]:
    """Opens windows as a reader has set them up; closes them."""
    opened: list[BrowserContext] = []

    def open_one(**wishes: Any) -> BrowserContext:
        opened.append(browser.new_context(**{"viewport": {"width": 390, "height": 800}, **wishes}))
        opened[-1].set_default_timeout(TIMEOUT_MS)
        return opened[-1]

    yield open_one
    for context in opened:
        context.close()


def _places(page: Page) -> dict[str, float]:
    """How far down the page each field and button begins."""
    found = page.locator("form input:visible, form button[type=submit]")
    place = "all => all.map((one) => [one.name || 'button', one.getBoundingClientRect().top + scrollY])"
    return dict(found.evaluate_all(place))


def test_typing_a_new_password_moves_nothing(house: House, open_window: Any) -> None:
    """What is said of it takes the room of its hint."""
    page = reach("register", open_window(), house)
    before = _places(page)
    assert {"name", "email", "password", "button"} == set(before)
    for text, level in (
        ("short", "short"),
        ("aaaaaaaaaaaaaaaa", "weak"),
        ("a lantern and a tide table", "good"),
        ("", ""),
    ):
        page.locator("#password").fill(text)
        expect(page.locator(".strength")).to_have_attribute("data-level", level)
        assert before == _places(page)


@pytest.mark.parametrize(("scripts", "width"), [(True, 390), (False, 390), (True, 1280)])
@pytest.mark.parametrize("name", ["register", "password"])
def test_an_error_of_one_line_moves_nothing(
    house: House, open_window: Any, name: str, scripts: bool, width: int
) -> None:
    """The line below each field is kept free for it, with a hint and without."""
    action, wrong, right = {
        "register": ("/register", "password", {"email": house.stranger()}),
        "password": ("/account/password", "current_password", {"password": "a lantern and a tide table"}),
    }[name]
    page = reach(name, open_window(java_script_enabled=scripts, viewport={"width": width, "height": 800}), house)
    visit, before = Visit(page, house), _places(page)
    visit.fill(**right, **{wrong: "short"})
    visit.send(action, f"#{wrong}-error")
    assert before == pytest.approx(_places(page), abs=ROUNDING_PX)


@pytest.mark.parametrize("name", ["register-wrong", "account-many-sessions", "register-inbox"])
def test_what_is_pressed_is_large_enough_for_a_finger(house: House, open_window: Any, name: str) -> None:
    """Every control is 44 px high and wide, and every link of a list of ways on has as much room around it."""
    page = reach(name, open_window(), house)
    controls = page.locator("main :is(button, .button, input, select, summary, .act a):visible")
    boxes = {one.evaluate("one => one.outerHTML"): one.bounding_box() for one in controls.all()}
    assert boxes
    assert {} == {
        html: box for html, box in boxes.items() if box is None or min(box["height"], box["width"]) < FINGER_PX
    }
    for link in page.locator(".onward a").all():
        assert link.evaluate(_ROOM) >= FINGER_PX


def test_a_wrong_field_is_seen_without_colours_of_ours(house: House, open_window: Any) -> None:
    """In high contrast its edge is thicker than that of the others, and marks keep an edge."""
    page = reach("register-wrong", open_window(forced_colors="active"), house)
    edge = "one => getComputedStyle(one).borderTopWidth"
    assert ["3px", "1px"] == [page.locator(selector).evaluate(edge) for selector in ("#email", "#name")]


def test_nothing_moves_for_who_asked_for_stillness(house: House, open_window: Any) -> None:
    """Colours change at once; for everybody else they take a moment."""
    lasts = "one => getComputedStyle(one).transitionDuration"
    said = {}
    for wish in ("reduce", "no-preference"):
        page = reach("login", open_window(reduced_motion=wish), house)
        said[wish] = page.locator("form button[type=submit]").evaluate(lasts)
    assert "0s" == said["reduce"]
    assert "0s" != said["no-preference"]


@pytest.mark.parametrize("name", ["register-wrong", "account-many-sessions"])
def test_letters_of_twice_the_size_still_fit(house: House, open_window: Any, name: str) -> None:
    """Who asks the browser for larger letters scrolls in one direction only."""
    page = reach(name, open_window(viewport={"width": 640, "height": 800}), house)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert 640 >= page.evaluate("document.documentElement.scrollWidth")
