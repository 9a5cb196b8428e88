"""The verification mail made 13 KB long, as mail from a designer is."""

import shutil
import tempfile
from pathlib import Path

from gatepost.mail.compose import Composer
from gatepost.mail.templates import PACKAGED, Templates
from gatepost.parts import build_composer
from gatepost.settings import Settings

_SENTENCE = "This sentence stands here only to make the message as long as many real ones are.\n"
_SENTENCES = 22  # in each of the two parts


def padded_templates() -> Templates:
    """The packaged templates, with more to say."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copytree(PACKAGED, Path(folder) / "templates"))
        english = copy / "verification" / "en"
        text, html = english / "body.txt", english / "body.html"
        text.write_text(text.read_text() + "\n" + _SENTENCE * _SENTENCES)
        html.write_text(html.read_text() + "\n<p>\n" + _SENTENCE * _SENTENCES + "</p>\n")
        return Templates(copy)


def composer(settings: Settings, *, padded: bool) -> Composer:
    """The service's composer, with the packaged templates or the padded ones."""
    made = build_composer(settings)
    if padded:
        made._templates = padded_templates()
    return made
