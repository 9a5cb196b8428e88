"""The README shows the pages as they are."""

import base64
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.house import House
from tests.browser.readme_pictures import FOLDER, PICTURES, Picture
from tests.docs.pages import ROOT

MAX_BYTES = 150_000
# Of 255, over a grid of 24 by 24: other fonts and a count of seconds change less, another layout or scheme more.
MAX_DIFFERENCE = 6.0
_DIFFERENCE = """async (pictures) => {
    const grids = [], sizes = [];
    for (const picture of pictures) {
        const image = new Image();
        image.src = `data:image/png;base64,${picture}`;
        await image.decode();
        sizes.push([image.naturalWidth, image.naturalHeight]);
        const canvas = new OffscreenCanvas(24, 24), pen = canvas.getContext("2d");
        pen.imageSmoothingQuality = "high";
        pen.drawImage(image, 0, 0, 24, 24);
        grids.push(pen.getImageData(0, 0, 24, 24).data);
    }
    let sum = 0;
    grids[0].forEach((value, at) => { sum += Math.abs(value - grids[1][at]); });
    return [sizes, sum / (24 * 24 * 3)];
}"""


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
    pictures = [base64.b64encode(one).decode() for one in (shown, picture.take(browser, house))]
    page = browser.new_page()
    sizes, difference = page.evaluate(_DIFFERENCE, pictures)
    page.close()
    assert sizes[0] == sizes[1]
    assert difference < MAX_DIFFERENCE


def test_the_readme_shows_every_picture_with_words_for_it() -> None:
    """Each is there once, and is described for whoever does not see it; no picture is there that nothing shows."""
    shown = re.findall(
        r'<img src="docs/pictures/([\w-]+)\.png"[^>]* alt="([^"]{30,})"', (ROOT / "README.md").read_text()
    )
    assert [picture.name for picture in PICTURES] == [name for name, _ in shown]
    assert {f"{picture.name}.png" for picture in PICTURES} == {path.name for path in FOLDER.iterdir()}
