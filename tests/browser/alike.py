"""Whether two pictures of a page are alike from afar, whatever fonts a machine has."""

import base64

from playwright.sync_api import Browser

MAX_BYTES = 150_000
# Of 255, over a grid of 24 by 24: other fonts, a count of seconds or one more try change less, another layout more.
MAX_DIFFERENCE = 12.0
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


def alike(browser: Browser, shown: bytes, taken: bytes) -> bool:
    """Say whether two pictures, as PNG, have the same size and hardly differ."""
    page = browser.new_page()
    sizes, difference = page.evaluate(_DIFFERENCE, [base64.b64encode(one).decode() for one in (shown, taken)])
    page.close()
    return sizes[0] == sizes[1] and difference < MAX_DIFFERENCE
