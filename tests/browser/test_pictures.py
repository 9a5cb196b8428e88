"""The README shows the pages as they are."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.alike import MAX_BYTES, alike
from tests.browser.house import House
from tests.browser.readme_pictures import FOLDER, PICTURES, Picture
from tests.docs.pages import ROOT


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The service whose pages are on them."""
    made = House(tmp_path_factory.mktemp("pictures"))
    yield made
    made.close()


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_the_pages_still_look_like_their_picture(browser: Browser, house: House, picture: Picture) -> None:
    """Of the same size, and alike from afar. Where the look was changed: `./run pictures --readme`."""
    shown = (FOLDER / f"{picture.name}.png").read_bytes()
    assert len(shown) < MAX_BYTES
    assert alike(browser, shown, picture.take(browser, house))


def test_the_readme_shows_every_picture_with_words_for_it() -> None:
    """Each is there once, and is described for whoever does not see it; no picture is there that nothing shows."""
    shown = re.findall(
        r'<img src="docs/pictures/([\w-]+)\.png"[^>]* alt="([^"]{30,})"', (ROOT / "README.md").read_text()
    )
    assert [picture.name for picture in PICTURES] == [name for name, _ in shown]
    assert {f"{picture.name}.png" for picture in PICTURES} == {path.name for path in FOLDER.glob("*.png")}
